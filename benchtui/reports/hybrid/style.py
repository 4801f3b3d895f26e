"""Style sheets of curves and pages of sweeps, light and dark."""

from __future__ import annotations

CURVE = """
.curve text { font: 13px system-ui, sans-serif; fill: currentColor; stroke: none; }
.curve .title { font-weight: 600; } .curve .quiet { fill: var(--quiet); }
.curve .grid { stroke: var(--line); } .curve polyline { fill: none; stroke: currentColor; }
.curve .of-curve { stroke: var(--rule); stroke-width: 2.5; }
.curve .of-line { stroke: var(--quiet); stroke-dasharray: 7 5; }
.curve .of-random { stroke: var(--quiet); stroke-dasharray: 2 4; stroke-width: 2; }
.curve .of-oracle { stroke: var(--quiet); stroke-dasharray: 10 3 2 3; }
.curve .point { fill: var(--rule); stroke: var(--rule); outline: none; }
.curve .end { fill: currentColor; stroke: currentColor; }
.curve .bar { stroke-width: 1.4; opacity: .55; }
.curve .tip { display: none; } .curve .point:hover .tip, .curve .point:focus .tip { display: block; }
.curve .point:hover .mark, .curve .point:focus .mark { stroke-width: 4; }
.curve .tip text { font-weight: 600; paint-order: stroke; stroke: Canvas; stroke-width: 5px; }
""".strip()
"""Of a curve; its colours are those of the page, or OWN_COLOURS."""
OWN_COLOURS = """
svg { color-scheme: light dark; color: #1f2328; --quiet: #57606a; --line: #d0d7de; --rule: #0969da; --ground: #fff; }
@media (prefers-color-scheme: dark) {
  svg { color: #e6edf3; --quiet: #9ca3af; --line: #3d444d; --rule: #58a6ff; --ground: #0d1117; }
}
.ground { fill: var(--ground); }
""".strip()
"""Of a curve that is a file by itself."""
PAGE = """
:root { --rule: #0969da; } @media (prefers-color-scheme: dark) { :root { --rule: #58a6ff; } }
.axes > figure { display: none; } .axes > input { margin: 0 .3rem 0 0; } .axes > label { margin-right: 1.2rem; }
.results tbody th { font-weight: 400; } tr.recommended th, tr.recommended td { font-weight: 700; }
.results td, .results th { text-align: right; }
.results th[scope=row], .results thead th:first-child { text-align: left; }
""".strip()
"""Of a page, beside the style of every report."""
