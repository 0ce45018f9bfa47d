"use strict";
// A long console is in chunks of deflated text. A chunk is rendered when it is near the visible part of the page.
const lineHeight = 18, mostHits = 200;
const consoles = [...document.querySelectorAll("details.console")];

function decode(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const coded = atob(base64), bytes = new Uint8Array(coded.length);
  for (let i = 0; i < coded.length; i++) bytes[i] = coded.charCodeAt(i);
  return bytes;
}

async function textOf(chunk) {
  const bytes = decode(document.getElementById("chunk-" + chunk).textContent);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}

function render(pre, text) {
  const all = document.createDocumentFragment();
  for (const line of text.split("\n").slice(0, -1)) {
    const span = document.createElement("span");
    const mark = /^\S+ (?:.*? )??([<>#?]) /.exec(line);
    span.className = "line" + (mark && mark[1] === ">" ? " sent" : mark && mark[1] === "#" ? " remark" : "");
    span.textContent = line + "\n";
    all.append(span);
  }
  pre.replaceChildren(all);
  pre.style.height = "";
}

async function fill(pre) {
  if (!pre.dataset.chunk) return;
  const chunk = pre.dataset.chunk;
  delete pre.dataset.chunk;
  render(pre, await textOf(chunk));
}

const near = new IntersectionObserver((entries) => {
  for (const e of entries) {
    if (e.isIntersecting) {
      near.unobserve(e.target);
      fill(e.target);
    }
  }
}, { rootMargin: "600px" });

// unfold replaces the last lines of a console by its chunks, and returns their elements.
function unfold(box) {
  if (!box.parts) {
    const pre = box.querySelector("pre");
    if (box.dataset.chunks) {
      const counts = box.dataset.counts.split(",");
      box.parts = box.dataset.chunks.split(",").map((chunk, i) => {
        const part = document.createElement("pre");
        part.dataset.chunk = chunk;
        part.style.height = counts[i] * lineHeight + "px";
        return part;
      });
      box.querySelector(".tail").remove();
      pre.replaceWith(...box.parts);
      for (const part of box.parts) near.observe(part);
    } else {
      box.parts = [pre];
      render(pre, pre.textContent);
    }
  }
  return box.parts;
}
for (const box of consoles) box.addEventListener("toggle", () => box.open && unfold(box));

// show unfolds a line of a console and everything around it.
async function show(box, part, n) {
  for (let e = box; e; e = e.parentElement.closest("details")) e.open = true;
  const pre = unfold(box)[part];
  near.unobserve(pre);
  await fill(pre);
  const line = pre.children[n];
  document.querySelector(".hit")?.classList.remove("hit");
  line.classList.add("hit");
  line.scrollIntoView({ block: "center" });
}

let round = 0;
async function search(words) {
  const mine = ++round, found = document.getElementById("found"), list = document.createElement("ol");
  const want = words.toLowerCase();
  let hits = 0;
  found.hidden = want === "";
  if (want === "") return;
  found.replaceChildren("searching …");
  for (const box of consoles) {
    const parts = box.dataset.chunks ? box.dataset.chunks.split(",").map((chunk) => () => textOf(chunk)) : [() => [...(box.parts || [box.querySelector("pre")])].map((p) => p.textContent).join("")];
    for (const [part, read] of parts.entries()) {
      const text = await read();
      if (mine !== round) return;
      const lower = text.toLowerCase();
      if (!lower.includes(want)) continue;
      const lines = text.split("\n");
      for (const [n, key] of lower.split("\n").entries()) {
        if (!key.includes(want) || ++hits > mostHits) continue;
        const line = lines[n], item = document.createElement("li"), link = document.createElement("button"), where = document.createElement("span");
        link.type = "button";
        link.textContent = line.length > 300 ? line.slice(0, 300) + " …" : line;
        link.addEventListener("click", () => show(box, part, n));
        where.className = "soft";
        where.textContent = " " + box.dataset.where;
        item.append(link, where);
        list.append(item);
      }
    }
  }
  found.replaceChildren(hits === 0 ? "no line has “" + words + "”" : hits + (hits === 1 ? " line" : " lines") + (hits > mostHits ? ", the first " + mostHits : "") + ":", list);
  found.dataset.hits = hits;
}

const form = document.getElementById("search");
form.hidden = consoles.length === 0;
form.addEventListener("submit", (e) => {
  e.preventDefault();
  search(form.querySelector("input").value.trim());
});
form.querySelector("input").addEventListener("search", (e) => e.target.value === "" && search(""));
const fold = document.getElementById("fold");
fold.addEventListener("click", () => {
  const open = fold.textContent.startsWith("unfold");
  for (const e of document.querySelectorAll("details.attempt, details.run, details.flash")) e.open = open;
  fold.textContent = (open ? "fold" : "unfold") + " all attempts";
});
function follow() {
  const e = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (e && e.tagName === "DETAILS") e.open = true;
}
addEventListener("hashchange", follow);
follow();
