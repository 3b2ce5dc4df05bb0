import { useState } from 'preact/hooks';

export default function Counter() {
	const [count, setCount] = useState(0);

	return (
		<div class="row">
			<button id="counter" onClick={() => setCount(count + 1)}>
				Light a lamp
			</button>
			<output id="count">Lamps lit: {count}</output>
		</div>
	);
}
