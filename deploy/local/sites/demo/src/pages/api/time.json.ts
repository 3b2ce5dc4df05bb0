import type { APIRoute } from 'astro';

export const prerender = false;

export const GET: APIRoute = () => Response.json({ time: new Date().toLocaleTimeString('en-GB') });

export const POST: APIRoute = async ({ request }) => Response.json({ echo: await request.json() });
