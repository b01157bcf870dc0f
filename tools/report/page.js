const ROWS = 200; /* shown at first: a table of thousands is slow to lay out */

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const grouped = (n) => Math.round(n).toLocaleString("en");

function bytes(n) {
	const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
	let unit = 0;
	for (; n >= 999.5 && unit < 6; unit++)
		n /= 1000;
	return (unit && n < 10 ? n.toFixed(1) : n.toFixed(0)) + " " + units[unit];
}

function when(text) {
	return text ? text.replace("T", " ").replace(/\..*$/, "") : "";
}

/* Text goes into the page as text only: it is out of logs. */
function element(name, text, className) {
	const e = document.createElement(name);
	if (text !== undefined && text !== null)
		e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

function frameName(frame) {
	if (frame.source.length)
		return frame.source[0].function || "??";
	if (frame.symbol)
		return frame.symbol.replace(/\+0x[0-9a-f]+$/, "");
	return (frame.module || "?").replace(/^.*\//, "") + "+" + frame.offset;
}

function sourceText(source) {
	return (source.function || "??") + (source.file ? " at " + source.file + ":" + source.line : "");
}

function frameText(frame) {
	if (frame.source.length && frame.source[0].file)
		return sourceText(frame.source[0]);
	return (frame.source.length ? frame.source[0].function : frame.symbol || "??") + " (" +
		(frame.module || "code made at run time") + "+" + frame.offset + ")";
}

const culprit = (site) => site.where || "stack " + (site.stack_id || "unknown");

function mostly(site) {
	let most = "";
	for (const [name, n] of Object.entries(site.outcomes)) {
		if (!most || n > site.outcomes[most])
			most = name;
	}
	return most;
}

/* What the flame graph has of a stack, outermost first: inlined functions are frames, too. */
function names(site) {
	const list = [site.program || "??"];
	const language = site.frames.filter((frame) => frame.language);
	for (const frame of (language.length ? language : site.frames.slice()).reverse()) {
		if (frame.source.length)
			list.push(...frame.source.map((s) => s.function || "??").reverse());
		else
			list.push(frameName(frame));
	}
	return list;
}

const sites = data.callsites.map((site, number) => {
	const where = culprit(site);
	const words = [site.pattern, site.op, site.program, site.stack_id, where, mostly(site), site.change];
	for (const frame of site.frames)
		words.push(frame.module, frame.symbol, ...frame.source.map(sourceText));
	for (const peer of site.peers)
		words.push(peer.address);
	return { ...site, number, where, mostly: mostly(site), names: names(site),
		text: words.filter(Boolean).join("\n").toLowerCase() };
});

const columns = [
	{ title: "Destroyed", key: "destroyed", number: true, show: bytes },
	{ title: "Events", key: "count", number: true, show: grouped },
	{ title: "Unread", key: "unread", number: true, show: bytes },
	{ title: "Mostly", key: "mostly" },
	{ title: "Pattern", key: "pattern" },
	{ title: "Call", key: "op" },
	{ title: "Program", key: "program" },
	{ title: "Where", key: "where" },
	{ title: "Last", key: "last", show: when },
];
if (data.gone)
	columns.splice(3, 0, { title: "Change", key: "change" });

const view = { sort: "destroyed", down: true, shown: sites, rows: ROWS, zoom: null, selected: null };

function compare(a, b) {
	const x = a[view.sort] ?? "", y = b[view.sort] ?? "";
	const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
	return (view.down ? -order : order) || a.number - b.number;
}

function drawHeads() {
	byId("heads").replaceChildren(...columns.map((column) => {
		const th = element("th", null, column.number ? "number" : "");
		const mine = view.sort === column.key;
		const button = element("button", column.title + (mine ? (view.down ? " \u25bc" : " \u25b2") : ""));
		button.type = "button";
		button.dataset.key = column.key;
		th.scope = "col";
		th.setAttribute("aria-sort", mine ? (view.down ? "descending" : "ascending") : "none");
		th.append(button);
		return th;
	}));
}

function row(site) {
	const tr = element("tr");
	tr.tabIndex = 0;
	tr.dataset.number = site.number;
	tr.setAttribute("aria-selected", site === view.selected);
	for (const column of columns) {
		const value = site[column.key];
		const td = element("td", column.show ? column.show(value) : value);
		td.className = (column.number ? "number " : "") + (column.key === "where" ? "where " : "");
		if (column.key === "destroyed" && value)
			td.className += "bad";
		if (column.key === "change" && value === "new")
			td.className += "new";
		if (column.key === "mostly" && (value === "averted" || value === "delivered"))
			td.className += "good";
		tr.append(td);
	}
	return tr;
}

function drawTable() {
	const shown = view.shown, more = byId("more");
	shown.sort(compare);
	drawHeads();
	byId("rows").replaceChildren(...shown.slice(0, view.rows).map(row));
	more.hidden = shown.length <= view.rows;
	more.textContent = "Show all " + grouped(shown.length);
	byId("shown").textContent = grouped(shown.length) + " of " + grouped(sites.length) + " callsites";
}

function stack(frames) {
	const list = element("ol");
	list.start = 0;
	for (const frame of frames) {
		const item = element("li", frameText(frame));
		if (!frame.language)
			item.title = (frame.module || "") + "+" + frame.offset + " build id " +
				(frame.build_id || "unknown");
		for (const outer of frame.source.slice(1))
			item.append(element("div", "inlined into " + sourceText(outer), "inlined"));
		list.append(item);
	}
	return frames.length ? list : element("p", "No line of the log has its frames.");
}

function facts(site) {
	const dl = element("dl");
	const others = site.peer_addresses - site.peers.length;
	const peers = site.peers.map((p) => p.address + " (" + grouped(p.count) + ")").join(", ");
	const list = [
		["Stack", site.stack_id || "unknown"],
		["Outcomes", Object.entries(site.outcomes).map(([k, n]) => k + " " + grouped(n)).join(", ")],
		["Output", bytes(site.destroyed) + " destroyed, " + bytes(site.saved) + " saved"],
		["Unread", bytes(site.unread)],
		["Held back", site.held ? grouped(site.held) + " events by the rate, figures unknown" : ""],
		["From", site.first ? when(site.first) + " to " + when(site.last) + " UTC" : ""],
		["Peers", peers + (others > 0 ? " and about " + grouped(others) + " others" : "")],
		["Before", site.was_count === undefined ? ""
			: grouped(site.was_count) + " events, " + bytes(site.was_destroyed) + " destroyed"],
	];
	for (const [name, value] of list) {
		if (value)
			dl.append(element("dt", name), element("dd", value));
	}
	return dl;
}

function select(site) {
	const body = byId("details-body");
	view.selected = site;
	for (const tr of byId("rows").children)
		tr.setAttribute("aria-selected", Number(tr.dataset.number) === site.number);
	byId("details-title").textContent = site.pattern + " by " + site.op + "() in " + site.program;
	body.replaceChildren(facts(site), stack(site.frames));
	if (site.armed_by)
		body.append(element("p", "Armed by " + site.armed_by.op + "():"), stack(site.armed_by.frames));
	byId("details").hidden = false;
	document.body.classList.add("open");
	byId("details-title").focus();
	byId("details").scrollIntoView({ block: "nearest" });
}

function unselect() {
	const tr = view.selected &&
		byId("rows").querySelector('[data-number="' + view.selected.number + '"]');
	byId("details").hidden = true;
	document.body.classList.remove("open");
	view.selected = null;
	if (tr) {
		tr.setAttribute("aria-selected", false);
		tr.focus();
	}
}

function draw() {
	const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
	const pattern = byId("pattern").value, program = byId("program").value;
	view.shown = sites.filter((site) => (!pattern || site.pattern === pattern) &&
		(!program || site.program === program) && words.every((word) => site.text.includes(word)));
	view.zoom = null;
	drawTable();
	drawTimeline();
	drawFlame();
}

function fillSelect(id, key) {
	const values = [...new Set(sites.map((site) => site[key] || ""))].filter(Boolean).sort();
	for (const value of values) {
		const option = element("option", value);
		option.value = value;
		byId(id).append(option);
	}
}

function fillList(id, section, texts) {
	byId(id).replaceChildren(...texts.map((text) => element("li", text)));
	if (section)
		byId(section).hidden = !texts.length;
}

function drawHead() {
	const sum = (key) => sites.reduce((n, site) => n + site[key], 0);
	const warnings = data.files.filter((f) => f.broken).map((f) => f.path + ": " + f.broken);
	byId("totals").textContent = grouped(sum("count")) + " events at " + grouped(sites.length) +
		" callsites of " + grouped(data.processes) +
		(data.processes === 1 ? " process; " : " processes; ") + bytes(sum("destroyed")) +
		" of output destroyed, " + bytes(sum("saved")) + " saved" +
		(data.first ? "; from " + when(data.first) + " to " + when(data.last) + " UTC" : "");
	for (const [key, text] of [["no_event", "lines passed over: no event in JSON"],
		["truncated", "lines cut off at the end of a file"],
		["lost", "lines that the shim could not write: more has happened than is told here"]]) {
		if (data[key])
			warnings.push(grouped(data[key]) + " " + text);
	}
	fillList("warnings", null, [...warnings, ...data.notices.map((n) => n.text)]);
	fillList("unresolved", "unresolved-section", data.unresolved.map((u) =>
		(u.module || "(no module)") + ": " + u.why + (u.build_id ? " (build id " + u.build_id + ")" : "")));
	fillList("gone", "gone-section", (data.gone || []).map((g) =>
		g.pattern + " by " + g.op + "(), stack " + g.stack_id + ", " + grouped(g.was_count) + " events"));
}

function move(tr, key) {
	const next = key === "ArrowDown" ? tr.nextElementSibling : tr.previousElementSibling;
	if (next)
		next.focus();
}

function onKey(event) {
	const tr = event.target.closest("tbody tr");
	const typing = /^(INPUT|SELECT)$/.test(event.target.tagName);
	if (event.key === "/" && !typing)
		byId("filter").focus();
	else if (event.key === "Escape" && !typing)
		unselect();
	else if (tr && (event.key === "Enter" || event.key === " "))
		select(sites[tr.dataset.number]);
	else if (tr && (event.key === "ArrowDown" || event.key === "ArrowUp"))
		move(tr, event.key);
	else
		return;
	event.preventDefault();
}

function start() {
	drawHead();
	fillSelect("pattern", "pattern");
	fillSelect("program", "program");
	if (!sites.some((site) => site.destroyed))
		byId("weight").value = "count";
	for (const id of ["filter", "pattern", "program"])
		byId(id).addEventListener("input", draw);
	byId("weight").addEventListener("input", drawFlame);
	byId("reset").addEventListener("click", () => zoom(null));
	byId("more").addEventListener("click", () => {
		view.rows = Infinity;
		drawTable();
	});
	byId("heads").addEventListener("click", (event) => {
		const key = event.target.dataset.key;
		if (!key)
			return;
		view.down = view.sort === key ? !view.down : Boolean(columns.find((c) => c.key === key).number);
		view.sort = key;
		drawTable();
		byId("heads").querySelector('[data-key="' + key + '"]').focus();
	});
	byId("rows").addEventListener("click", (event) => {
		const tr = event.target.closest("tr");
		if (tr)
			select(sites[tr.dataset.number]);
	});
	document.addEventListener("keydown", onKey);
	draw();
}

start();
