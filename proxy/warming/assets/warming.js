(() => {
  'use strict'
  const main = document.querySelector('main')
  const { page, base } = main.dataset
  const resend = 'resend' in main.dataset
  const starting = ['asked', 'provisioning', 'pulling', 'starting', 'checking']
  const $ = id => document.getElementById(id)
  const steps = [...document.querySelectorAll('.steps li')]
  const seconds = ms => (Math.max(ms, 0) / 1000).toFixed(1) + ' s'
  const loaded = performance.now()

  let began = loaded - main.dataset.elapsed
  let p90 = +main.dataset.p90
  let turnAt = loaded + +main.dataset.turn
  let retryAt = loaded + +main.dataset.retry
  let reached = [] // [{phase, at}]
  let over = false // nothing more to wait for
  let away = false // left, perhaps into the back-forward cache
  let asleep = 0 // since when nothing is being started
  let source, timer, turn = 0
  let streams = 'EventSource' in window // false once they do not get through

  // --- what is seen ---

  const end = id => {
    over = true
    stop()
    main.classList.add('ended')
    main.querySelector('h1').textContent = document.title = $(id).dataset.title
    $('end').replaceChildren($(id).content.cloneNode(true))
    const a = $('end').querySelector('a')
    if (a && !resend) a.onclick = () => { location.reload(); return false } // keeps the fragment
  }

  const lines = log => {
    $('log').hidden = !log.length
    const pre = $('log').querySelector('pre')
    const below = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 8
    pre.textContent = log.join('\n')
    if (below) pre.scrollTop = pre.scrollHeight
  }

  const show = s => {
    began = performance.now() - s.elapsed
    p90 = s.p90 || 0
    turnAt = performance.now() + (s.turnIn || 0)
    retryAt = performance.now() + (s.retryIn || 0)
    lines(s.log)
    if (page === 'failed') return
    reached = s.steps
    const current = steps.findIndex(li => li.dataset.phase === s.phase)
    steps.forEach((li, i) => {
      const been = reached.some(r => r.phase === li.dataset.phase)
      li.className = i === current ? 'now' : i > current ? 'next' : been ? 'done' : 'skipped'
      if (i === current) li.setAttribute('aria-current', 'step')
      else li.removeAttribute('aria-current')
      li.querySelector('b').textContent = li.className === 'skipped' ? 'not needed' : ''
    })
    line()
    const words = steps[current].querySelector('span').textContent
    if ($('now').textContent !== words) $('now').textContent = words
    tick()
  }

  // Whoever waits in line sees how long.
  const line = () => {
    const left = Math.ceil((turnAt - performance.now()) / 1000)
    steps[0].querySelector('span').textContent = left > 0 ? `In line for a start, its turn comes in about ${left} s` : 'Asking for a start'
  }

  const tick = () => {
    const wait = Math.ceil((retryAt - performance.now()) / 1000)
    if (page === 'failed') {
      $('retry').disabled = wait > 0
      $('wait').textContent = wait > 0 ? `possible in ${wait} s` : ''
    }
    if (page !== 'warming' || over) return
    const elapsed = performance.now() - began
    line()
    $('elapsed').textContent = Math.floor(elapsed / 1000)
    const bar = document.querySelector('progress')
    if (p90 && elapsed < p90) { bar.max = p90; bar.value = elapsed } else bar.removeAttribute('value')
    $('late').hidden = !p90 || elapsed < p90
    reached.forEach((r, i) => {
      const li = steps.find(li => li.dataset.phase === r.phase)
      if (li && li.className !== 'next') li.querySelector('b').textContent = seconds((reached[i + 1]?.at ?? elapsed) - r.at)
    })
  }

  // --- what is done ---

  // How long to wait before a reload; -1 after too many within a minute.
  const pause = () => {
    try {
      const key = 'warmgate:' + base, now = Date.now()
      const past = JSON.parse(sessionStorage.getItem(key) || '[]').filter(t => now - t < 60000)
      if (past.length >= 5) return -1
      sessionStorage.setItem(key, JSON.stringify([...past, now]))
      return 0
    } catch {
      return 3000 // no storage to count in
    }
  }

  const leave = () => {
    if (over) return
    over = true
    stop()
    if (resend) return end('ready') // a reload would send the form again
    const ms = pause()
    if (ms < 0) return end('stuck')
    setTimeout(() => location.reload(), ms)
  }

  const act = s => {
    if (over) return
    const stay = page === 'failed' ? ['failed', 'asleep'] : [...starting, 'asleep']
    if (!stay.includes(s.phase)) return leave()
    if (page === 'failed' || s.phase !== 'asleep') {
      asleep = 0
      return show(s)
    }
    // Only a person wakes it. But a proxy that has just been started may not know of
    // the start yet: give it a moment.
    asleep ||= performance.now()
    if (performance.now() - asleep > 5000) end('asleep')
  }

  // --- how it is learnt ---

  const stop = () => {
    turn++
    clearTimeout(timer)
    source?.close()
    source = null
  }

  const poll = async (delay, slowest) => {
    const mine = turn
    try {
      const r = await fetch(base + '/.warmgate/status', { cache: 'no-store' })
      if (mine !== turn) return
      if (r.status === 404) return leave()
      if (r.ok) act(await r.json())
    } catch {} // the network or the proxy is away: go on
    if (mine === turn && !over) timer = setTimeout(poll, delay, Math.min(delay * 1.25, slowest), slowest)
  }

  // A visible page follows the stream; a hidden one polls, so as not to take one of
  // the browser's connections to this host.
  const listen = () => {
    if (over || away) return
    stop()
    if (page === 'failed') return document.hidden || poll(5000, 15000)
    if (document.hidden) return timer = setTimeout(poll, 1000, 1000, 5000)
    if (!streams) return poll(1000, 5000)
    source = new EventSource(base + '/.warmgate/events')
    source.addEventListener('state', e => { clearTimeout(timer); act(JSON.parse(e.data)) })
    source.addEventListener('log', e => lines(JSON.parse(e.data)))
    source.onerror = () => { streams = false; listen() }
    timer = setTimeout(source.onerror, 3000) // somebody on the way keeps it back
  }

  addEventListener('pagehide', () => { away = true; stop() })
  addEventListener('pageshow', e => {
    if (!e.persisted) return
    away = false
    over = !!$('end').firstChild
    listen()
  })
  // The fragment never reaches the server; the form's redirect inherits it.
  document.addEventListener('submit', e => { e.target.action += location.hash })

  // In a sandboxed frame, which has no origin, neither stream nor call gets through; a
  // mute page has nobody to ask.
  if (self.origin !== 'null' && !('mute' in main.dataset)) {
    document.addEventListener('visibilitychange', listen)
    listen()
  } else if (page === 'warming' && !resend) {
    setTimeout(() => location.reload(), 3000)
  }
  tick()
  setInterval(tick, 250)
})()
