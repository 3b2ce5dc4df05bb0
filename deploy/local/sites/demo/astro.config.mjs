import preact from '@astrojs/preact';
import { defineConfig } from 'astro/config';

// An ordinary site: it knows no base, no prefix and no proxy.
export default defineConfig({
	integrations: [preact()],
	redirects: { '/start': '/' },
});
