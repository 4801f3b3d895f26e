"""The style and the script of the page of a comparison by token. The script reads the data in the page and loads
nothing; text is only ever set as text."""

from __future__ import annotations

STYLE = """
.text { white-space: pre-wrap; overflow-wrap: anywhere; font: 15px/1.9 ui-monospace, monospace; border-left: 3px solid
  var(--line); padding-left: .8rem; }
.text .p { color: var(--quiet); }
.text span { border-radius: 3px; cursor: default; }
.s1 { background: rgba(230, 120, 20, .10); } .s2 { background: rgba(230, 120, 20, .20); }
.s3 { background: rgba(230, 120, 20, .30); text-decoration: underline dotted; }
.s4 { background: rgba(230, 120, 20, .42); text-decoration: underline dashed; }
.s5 { background: rgba(230, 120, 20, .56); text-decoration: underline; }
.s6 { background: rgb(236, 150, 70); color: #000; text-decoration: underline; font-weight: 700; }
.s7 { background: rgb(240, 120, 60); color: #000; text-decoration: underline double; font-weight: 700; }
.x { box-shadow: inset 0 -2px 0 currentColor; }
.text .on { outline: 2px solid currentColor; outline-offset: 1px; }
.bar { position: sticky; top: 0; z-index: 1; background: Canvas; border-bottom: 1px solid var(--line);
  padding: .4rem 0; display: flex; gap: .6rem; flex-wrap: wrap; align-items: center; }
.bar select, .bar button { font: inherit; max-width: 24rem; }
#place { position: sticky; bottom: 0; background: Canvas; border-top: 2px solid var(--line); padding: .5rem 0;
  font: 13px/1.5 ui-monospace, monospace; min-height: 11rem; white-space: pre-wrap; overflow-wrap: anywhere; }
#place div { display: flex; gap: 2rem; flex-wrap: wrap; }
#place table { width: auto; margin: .2rem 0; } #place td, #place th { padding: 0 .6rem; border: 0; }
td small, th small { color: var(--quiet); display: block; }
[hidden] { display: none; }
""".strip()

SCRIPT = """
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const sections = [...document.querySelectorAll('section.text')];
  const documents = document.getElementById('documents'), metrics = document.getElementById('metrics');
  const place = document.getElementById('place');
  let shown = 0, at = -1;
  const tokens = () => [...sections[shown].querySelectorAll('span')];
  const make = (name, text, parent) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const colour = () => {
    const steps = data.documents[shown].steps[metrics.value];
    tokens().forEach((token, n) => {
      token.className = 's' + steps[n] + (data.documents[shown].changed[n] === '1' ? ' x' : '');
    });
    mark(at);
  };
  const mark = (n) => {
    tokens().forEach((token) => token.classList.remove('on'));
    at = n;
    place.textContent = '';
    if (n < 0) { place.textContent = data.hint; return; }
    tokens()[n].classList.add('on');
    const piece = data.documents[shown].pieces[n];
    make('b', piece.about, place);
    const both = make('div', undefined, place);
    piece.tops.forEach((top, model) => {
      const table = make('table', undefined, both);
      const head = make('tr', undefined, table);
      make('th', data.labels[model], head); make('th', 'p', head); make('th', '', head);
      top.forEach(([token, p]) => {
        const row = make('tr', undefined, table);
        make('td', data.tokens[token], row); make('td', p, row);
        make('td', token === piece.own ? '\\u2190 in the text' : '', row);
      });
    });
  };
  const show = (n) => {
    shown = n; at = -1;
    sections.forEach((section, m) => { section.hidden = m !== n; });
    documents.value = String(n);
    colour();
  };
  const jump = (by) => {
    const steps = data.documents[shown].steps[metrics.value], changed = data.documents[shown].changed;
    for (let n = at + by; n >= 0 && n < steps.length; n += by)
      if (steps[n] >= data.far || changed[n] === '1') {
        mark(n);
        tokens()[n].scrollIntoView({ block: 'center' });
        return;
      }
  };
  sections.forEach((section) => {
    section.addEventListener('mouseover', (event) => {
      const n = tokens().indexOf(event.target);
      if (n >= 0) mark(n);
    });
  });
  documents.addEventListener('change', () => show(Number(documents.value)));
  metrics.addEventListener('change', colour);
  document.getElementById('next').addEventListener('click', () => jump(1));
  document.getElementById('previous').addEventListener('click', () => jump(-1));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === 'SELECT') return;
    if (event.key === 'n') jump(1);
    else if (event.key === 'p') jump(-1);
    else if (event.key === 'ArrowRight' && at + 1 < tokens().length) mark(at + 1);
    else if (event.key === 'ArrowLeft' && at > 0) mark(at - 1);
    else return;
    event.preventDefault();
  });
  document.querySelector('.bar').hidden = false;
  place.hidden = false;
  if (sections.length) show(0);
})();
""".strip()
