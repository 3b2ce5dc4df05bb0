// Package prefix keeps an unmodified Astro or Vite dev site below a path prefix.
package prefix
