// Package prefix keeps an unmodified Astro or Vite dev site below a path prefix: many sites on one host,
// each below /session/<id>/, none of them knowing.
//
// A dev server writes root-absolute addresses into everything it sends, whatever its base: pages, modules,
// style sheets, the address of its websocket. Stripping the prefix from requests is the small half of the work;
// the other half is that what comes back leads below the prefix again. The package is pure (bytes in, bytes
// out), streams, and starts nothing.
//
// # Layers
//
// All of them or none. A module that is fetched by its root address in one place and by its prefixed one in
// another counts as two modules: two instances of the dev client, two sockets, broken state. Half of the
// rewriting is worse than none.
//
//   - An import map in every document sends "/x" to "/session/demo/x". The browser applies it to static imports,
//     to import() with any computed string, to HMR updates and to the modules of islands, so JavaScript is
//     never parsed here. What lies below the base maps to itself, else it would be prefixed twice.
//   - Addresses in HTML attributes, srcset, style and meta refresh, since import maps do not cover <script src>.
//   - A shim, the first script of a document, for addresses that scripts make: fetch, Request, XMLHttpRequest,
//     WebSocket, EventSource, sendBeacon, workers, window.open, history.pushState and replaceState, setters
//     and setAttribute, and the text of <style> elements, by which Vite's client puts style sheets in.
//   - The three constants in /@vite/client that hold Vite's base (ViteConstants).
//   - url() and @import in style sheets. CSS that a module imports comes as JavaScript and is not touched.
//   - Header fields: Location, Content-Location, Link, Refresh, Set-Cookie, Content-Security-Policy,
//     Referrer-Policy. Service-Worker-Allowed and Clear-Site-Data are removed: all sessions share one origin.
//   - What escapes all the same (workers have no import map, innerHTML has no setter worth patching, nothing
//     stands in for location) still has a Referer below the prefix. The caller answers
//     with a redirect below it (package route finds the session) and counts it.
//
// History is patched although location cannot be: a document whose address has left the prefix sends Referers
// that route nowhere, and its reload is a 404.
//
// # How bodies are changed
//
// Only by insertion. A scanner per kind of body reports offsets and text; no byte of the site is removed,
// replaced or serialised again, so what is not understood goes through as it came. Addresses that begin
// with the base, "//x" and other origins stay. Everything that is complete leaves before more is read; only a tag, an import map
// and a <noscript> are kept until they end, up to 4 MiB, beyond which the rest of the body goes through unchanged.
//
// Inside of <astro-island> attributes stay as they are, since frameworks compare them with what they render
// on hydration; images there cost one redirect each. The content of <astro-slot> is patched: the framework is
// handed it as it stands in the document.
//
// The shim and the map are inserted into documents only: a doctype, <html> or <head> comes first, or the browser said
// that it loads a document. They go behind the leading <meta> and <title> elements, since <meta charset>
// must stand within the first 1024 bytes, and before a policy in a <meta>. A page's own import map, if it is the first script,
// takes in our entries, because some browsers know one map only. If other scripts come before it, or a policy judges
// inline scripts by hash or nonce, ours stands alone before it, and browsers that know several merge them.
//
// # What it cannot do
//
// It separates nothing: sessions below one host share an origin and its storage. A page with Base in its own paths, a
// __Host- cookie, a service worker with the scope "/", and XHTML do not work. Early hints (103) and bodies in an encoding pass unchanged.
package prefix
