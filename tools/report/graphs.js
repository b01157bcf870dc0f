/* The time line and the flame graph: of view.shown, with what page.js has. */

const FLAME_ROW = 19; /* pixels, as in page.css */
const FLAME_NARROWEST = 0.001; /* of the width */

function drawTimeline() {
	const counts = [];
	const svg = byId("timeline");
	let last = 0;
	for (const site of view.shown) {
		for (let i = 0; i < site.timeline.length; i += 2) {
			counts[site.timeline[i]] = (counts[site.timeline[i]] || 0) + site.timeline[i + 1];
			last = Math.max(last, site.timeline[i]);
		}
	}
	const most = Math.max(1, ...counts.filter(Boolean)), width = 640 / (last + 1);
	const start = Date.parse(data.part_first || "");
	const at = (part) => when(new Date(start + part * data.part_seconds * 1000).toISOString());
	svg.replaceChildren();
	counts.forEach((n, part) => {
		const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
		const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
		const height = Math.max(1, 78 * n / most);
		const place = { x: part * width, y: 80 - height, width: Math.max(0.5, width - 1), height };
		for (const [name, value] of Object.entries(place))
			bar.setAttribute(name, value);
		title.textContent = at(part) + ": " + grouped(n) + " events";
		bar.append(title);
		svg.append(bar);
	});
	svg.setAttribute("aria-label", "Events over time, at most " + grouped(most) + " in one part");
	if (!counts.length)
		return;
	byId("from").textContent = at(0);
	byId("part").textContent = "one bar is " + grouped(data.part_seconds) + " s, the highest " +
		grouped(most) + " events";
	byId("to").textContent = at(last + 1);
}

function flameTree(weight) {
	const root = { name: "all", value: 0, children: new Map(), above: null };
	for (const site of view.shown) {
		let node = root;
		if (!site[weight])
			continue;
		root.value += site[weight];
		for (const name of site.names) {
			let child = node.children.get(name);
			if (!child) {
				child = { name, value: 0, children: new Map(), above: node };
				node.children.set(name, child);
			}
			child.value += site[weight];
			node = child;
		}
	}
	return root;
}

/* The same name has the same colour, in every report. */
function colour(name) {
	let hash = 7;
	for (const c of name)
		hash = (hash * 31 + c.codePointAt(0)) % 997;
	return "hsl(" + (10 + hash % 45) + " 85% " + (62 + hash % 17) + "%)";
}

function drawFlame() {
	const weight = byId("weight").value, show = weight === "count" ? grouped : bytes;
	const root = flameTree(weight), boxes = [];
	const path = view.zoom || [];
	let from = root, deepest = 0;
	for (const name of path) {
		if (!from.children.has(name))
			break;
		from = from.children.get(name);
	}
	function place(node, depth, left, width, names) {
		const share = root.value ? (100 * node.value / root.value).toFixed(1) : "0";
		const box = element("button", node.name);
		box.type = "button";
		box.title = node.name + ": " + show(node.value) + ", " + share + " % of all";
		box.style.cssText = "left:" + 100 * left + "%;width:" + 100 * width + "%;top:" +
			depth * FLAME_ROW + "px;background:" + colour(node.name);
		box.addEventListener("click", () => zoom(names));
		boxes.push(box);
		deepest = Math.max(deepest, depth);
		let at = left;
		const inner = [...node.children.values()].sort((a, b) => b.value - a.value);
		for (const child of inner) {
			const part = width * child.value / node.value;
			if (part >= FLAME_NARROWEST)
				place(child, depth + 1, at, part, [...names, child.name]);
			at += part;
		}
	}
	if (from.value)
		place(from, 0, 0, 1, path);
	byId("flame").replaceChildren(...boxes);
	byId("flame").style.height = (deepest + 1) * FLAME_ROW + "px";
	byId("reset").hidden = !path.length;
	byId("flame-about").textContent = show(from.value) + (path.length ? " of " + show(root.value) : "");
}

function zoom(path) {
	view.zoom = path;
	drawFlame();
}
