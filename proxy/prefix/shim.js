(() => {
  const { prefix, base } = document.currentScript.dataset, key = Symbol.for('warmgate.prefix');
  if (self[key]) return;
  self[key] = prefix;
  const mount = prefix.slice(0, -1);
  // Keeps an address of this host below the prefix. Objects other than URL (TrustedScriptURL, Request) stay.
  const fix = (u) => {
    if (typeof u !== 'string' && !(u instanceof URL)) return u;
    let r;
    try { r = new URL(u, document.baseURI); } catch { return u; }
    if (r.host !== location.host || !/^(http|ws)s?:$/.test(r.protocol) || r.pathname.startsWith(base)) return u;
    if (/^\/(?![/\\\s])/.test(u)) return mount + u;
    r.pathname = mount + r.pathname;
    return r.href;
  };
  const inText = (re) => (v) => typeof v === 'string' ? v.replace(re, (m, before, u) => before + fix(u)) : v;
  const fixSet = inText(/(^\s*|,\s+|\d[wxh],\s*)([/h][^\s,]*)/gi);
  const fixCSS = inText(/(url\(\s*["']?|@import\s+["'])([/h][^"')\s]*)/gi);
  const by = (name) => /srcset$/i.test(name) ? fixSet : /^(style|textContent)$/i.test(name) ? fixCSS : fix;

  const wrap = (o, name, edit) => {
    const old = o && o[name];
    if (old) o[name] = function (...a) { edit(a, this); return old.apply(this, a); };
  };
  const nth = (i) => (a) => { if (i < a.length) a[i] = fix(a[i]); };
  wrap(self, 'fetch', nth(0));
  wrap(self, 'open', nth(0));
  wrap(XMLHttpRequest.prototype, 'open', nth(1));
  wrap(Navigator.prototype, 'sendBeacon', nth(0));
  wrap(self.Worklet && Worklet.prototype, 'addModule', nth(0));
  wrap(History.prototype, 'pushState', nth(2));
  wrap(History.prototype, 'replaceState', nth(2));
  for (const name of ['Request', 'WebSocket', 'EventSource', 'Worker', 'SharedWorker']) {
    if (self[name]) self[name] = new Proxy(self[name], { construct(t, a, n) { nth(0)(a); return Reflect.construct(t, a, n); } });
  }

  const attrs = /^(src|href|xlink:href|action|formaction|poster|srcset|imagesrcset|style)$/i;
  const attr = (i) => (a, el) => {
    if (attrs.test(a[i]) || (a[i] === 'data' && el.localName === 'object')) a[i + 1] = by(a[i])(a[i + 1]);
  };
  wrap(Element.prototype, 'setAttribute', attr(0));
  wrap(Element.prototype, 'setAttributeNS', attr(1));
  const setters = 'Script.src Image.src Image.srcset Link.href Link.imageSrcset Anchor.href Area.href Form.action IFrame.src ' +
    'Source.src Source.srcset Media.src Video.poster Track.src Embed.src Object.data Input.src Input.formAction Button.formAction';
  const setter = (proto, name, from = proto) => {
    const d = Object.getOwnPropertyDescriptor(from, name);
    if (d && d.set) Object.defineProperty(proto, name, { ...d, set(v) { d.set.call(this, by(name)(v)); } });
  };
  for (const s of setters.split(' ')) {
    const [el, name] = s.split('.'), type = self['HTML' + el + 'Element'];
    if (type) setter(type.prototype, name);
  }
  setter(HTMLStyleElement.prototype, 'textContent', Node.prototype); // how Vite's client puts a style sheet in
})();
