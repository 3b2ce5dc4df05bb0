'use strict';
// Shows the sessions, and the pools that forward rules use, again every two seconds while the tab is looked at. Asking
// is no activity of a session. What comes from the server is only ever text.

const storageKey = 'warmgate-admin-token';
const interval = 2000;
const limit = 1000;
const byId = (id) => document.getElementById(id);
let timer = 0;

const token = () => sessionStorage.getItem(storageKey);

function show({ login = false, problem = '' }) {
	byId('login').hidden = !login;
	byId('forget').hidden = login;
	byId('lists').hidden = login;
	byId('problem').hidden = problem === '';
	byId('problem').textContent = problem;
	if (login) byId('summary').textContent = '';
}

async function ask(path) {
	try {
		return await fetch(path, {
			headers: { Authorization: `Bearer ${token()}` },
			credentials: 'omit',
			cache: 'no-store',
		});
	} catch {
		throw new Error('Warmgate does not answer.'); // each browser has words of its own
	}
}

async function refresh() {
	clearTimeout(timer);
	if (!token()) return show({ login: true });
	if (document.hidden) return;
	try {
		const [answer, pools] = await Promise.all([ask(`/api/sessions?limit=${limit}`), ask('/api/pools')]);
		if (answer.status === 401) {
			sessionStorage.removeItem(storageKey);
			return show({ login: true, problem: 'This token is not valid here.' });
		}
		for (const { ok, status } of [answer, pools]) if (!ok) throw new Error(`The server answered ${status}.`);
		const more = answer.headers.has('Link');
		render(await answer.json(), more);
		renderPools(await pools.json());
		show({});
	} catch (error) {
		show({ problem: `${error.message} Trying again.` });
	}
	timer = setTimeout(refresh, interval);
}

function render(sessions, more) {
	const counts = new Map();
	for (const { status } of sessions) counts.set(status, (counts.get(status) ?? 0) + 1);
	const kinds = [...counts].map(([status, count]) => `${count} ${status}`);
	const total = sessions.length === 1 ? '1 session' : `${sessions.length}${more ? '+' : ''} sessions`;
	byId('summary').textContent = [total, ...kinds].join(' · ');
	sessions.sort((a, b) => b.lastActivity - a.lastActivity);
	byId('rows').replaceChildren(...sessions.map(sessionRow));
	byId('empty').hidden = sessions.length > 0;
	byId('more').hidden = !more;
}

function renderPools(pools) {
	byId('pools').hidden = pools.length === 0;
	byId('pool-rows').replaceChildren(...pools.map((pool) => row({ Pool: pool.pool, ...state(pool) })));
}

function sessionRow(session) {
	const { Target, ...rest } = state(session);
	return row({ Session: name(session), Client: session.clientId, ...rest, Ends: until(session.expiresAt), Target });
}

// state is what sessions and pools have in common.
function state({ status, why, cause, sleepAt, target }) {
	const badge = element('span', status);
	badge.className = `status ${status}`;
	return {
		Status: badge,
		Why: cause && status !== 'error' ? `${why} (${cause})` : why,
		Sleeps: until(sleepAt),
		Target: target?.address ?? '',
	};
}

function row(cells) {
	const tr = document.createElement('tr');
	for (const [label, content] of Object.entries(cells)) {
		const td = document.createElement('td');
		td.dataset.label = label; // a narrow page has no header row
		if (content !== '') td.append(content);
		tr.append(td);
	}
	return tr;
}

function name(session) {
	if (!/^https?:/.test(session.previewUrl ?? '')) return session.sessionId;
	const link = element('a', session.sessionId);
	link.href = session.previewUrl;
	link.rel = 'noreferrer noopener';
	link.target = '_blank';
	return link;
}

function element(tag, text) {
	const e = document.createElement(tag);
	e.textContent = text;
	return e;
}

function until(time) {
	if (!time) return '';
	const seconds = Math.round((Date.parse(time) - Date.now()) / 1000);
	if (seconds <= 0) return 'now';
	if (seconds < 60) return `in ${seconds} s`;
	if (seconds < 3600) return `in ${Math.round(seconds / 60)} min`;
	return `in ${(seconds / 3600).toFixed(1).replace('.0', '')} h`;
}

byId('login').addEventListener('submit', (event) => {
	event.preventDefault();
	sessionStorage.setItem(storageKey, byId('token').value.trim());
	byId('token').value = '';
	refresh();
});
byId('forget').addEventListener('click', () => {
	sessionStorage.removeItem(storageKey);
	refresh();
});
document.addEventListener('visibilitychange', refresh);
refresh();
