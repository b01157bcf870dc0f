# SPDX-License-Identifier: MIT
"""The page of `rstfix report --format html` in headless Chromium, driven by a script that is added to it."""

import json
import re
import subprocess

import logs

CALLSITES = 5000

DRIVER = """
<script>
const took = {};
function timed(name, act) {
	const start = performance.now();
	act();
	document.body.offsetHeight;
	took[name] = performance.now() - start;
}
function key(target, name) {
	target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
}
const out = { first: [], errors: [] };
const cells = (n) => [...document.querySelectorAll("#rows tr")].slice(0, 3).map((tr) => tr.cells[n].textContent);
const count = () => document.querySelectorAll("#rows tr").length;
const sortBy = (name) => document.querySelector("#heads [data-key=" + name + "]").click();
const type = (text) => { const f = document.getElementById("filter"); f.value = text;
	f.dispatchEvent(new Event("input")); };
window.addEventListener("error", (e) => out.errors.push(e.message));
out.destroyed = cells(0);
timed("sort", () => sortBy("program"));
out.byProgram = cells(6);
sortBy("program");
out.byProgramDown = cells(6);
sortBy("count");
out.byCount = cells(1);
timed("filter", () => type("prog77 "));
out.filtered = count();
out.status = document.getElementById("shown").textContent;
out.bars = document.querySelectorAll("#timeline rect").length;
out.boxes = [...document.querySelectorAll("#flame button")].map((b) => b.textContent);
type("");
timed("all", () => document.getElementById("more").click());
out.all = count();
key(document.body, "/");
out.focus = document.activeElement.id;
document.querySelector("#rows tr").focus();
key(document.activeElement, "ArrowDown");
out.second = document.activeElement === document.querySelectorAll("#rows tr")[1];
key(document.activeElement, "Enter");
out.details = document.getElementById("details").hidden ? "" : document.getElementById("details").textContent;
key(document.activeElement, "Escape");
out.back = document.activeElement.tagName;
document.querySelectorAll("#flame button")[1].click();
out.zoomed = document.querySelector("#flame button").textContent;
out.took = took;
out.alert = window.hacked === undefined;
out.dark = matchMedia("(prefers-color-scheme: dark)").matches;
const result = document.createElement("pre");
result.id = "result";
result.textContent = "RESULT" + JSON.stringify(out) + "END";
document.body.append(result);
</script>
"""


def lines():
    """Many callsites, one of them with a name that would be a script if it got the chance."""
    for i in range(CALLSITES):
        frames = [{"module": f"/usr/bin/prog{i % 100}", "build_id": None, "offset": hex(4096 * k + i),
                   "symbol": f"function_{k}_{i % (7 * (k + 1))}+0x12"} for k in range(16)]
        program = "</script><script>hacked=1</script><!--" if i == 4999 else f"prog{i % 100}"
        yield logs.event(i / 2, stack_id=f"{i:016x}", program=program, unsent=1000 * i, frames=frames,
                         harm="output-lost", count=1 + i % 7, sock=i + 1)


def chromium(folder, page):
    return subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={folder}/browser", "--window-size=1400,1000", "--dump-dom",
         f"file://{page}"], capture_output=True, timeout=50, check=False)


def check(reports):
    html = reports.out("--format", "html", reports.write("many.json", *lines()))
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org)", html.split('id="data"')[0]), "network"
    assert html.count("</script>") == 2, "a log cannot end the script"
    page = reports.write("page.html", html.replace("</body>", DRIVER + "</body>").encode())
    done = chromium(reports.folder, page)
    said = done.stderr.decode(errors="replace")
    match = re.search(r"RESULT(\{.*\})END</pre>", done.stdout.decode(), re.DOTALL)
    assert match, said[-1500:]
    assert "CONSOLE" not in said, [line for line in said.splitlines() if "CONSOLE" in line]
    judge(json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")))


def judge(out):
    assert out["errors"] == [] and out["alert"], out
    assert out["destroyed"] == ["5.0 MB", "5.0 MB", "5.0 MB"], out["destroyed"]
    assert out["byProgram"][1:] == ["prog0", "prog0"] and out["byProgramDown"][0] == "prog99", out
    assert out["byCount"] == ["7", "7", "7"], out["byCount"]
    assert out["filtered"] == 50 and out["status"] == "50 of 5,000 callsites", out["status"]
    assert out["bars"] > 10 and out["boxes"][:2] == ["all", "prog77"], out["boxes"][:3]
    assert out["all"] == CALLSITES and out["focus"] == "filter" and out["second"], out
    assert "Outcomes" in out["details"] and "function_0_" in out["details"], out["details"][:300]
    assert out["back"] == "TR" and out["zoomed"] != "all", out
    slow = {what: ms for what, ms in out["took"].items() if ms > (10000 if what == "all" else 3000)}
    assert not slow, f"too slow to use, ms: {slow}"
