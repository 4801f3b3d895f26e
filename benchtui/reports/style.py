"""The frame of HTML reports and their style sheet: light and dark, one column, readable on paper too."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

CSS = """
:root { color-scheme: light dark; --gain: #1a7f37; --loss: #c62828; --quiet: #6b7280; --line: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --gain: #56d364; --loss: #ff7b72; --quiet: #9ca3af; --line: #3d444d; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
.sentence { font-size: 1.1rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { border-bottom-width: 2px; }
.results td, .results thead th { white-space: nowrap; }
.results small { display: block; color: var(--quiet); }
.wide { overflow-x: auto; }
tr.detail th, tr.part th { font-weight: 400; padding-left: 1.6rem; }
tr.detail, tr.part { color: var(--quiet); }
.results tr.health td { white-space: normal; color: var(--loss); font-size: .9rem; }
tr.gain td:last-child, details.gain summary { color: var(--gain); }
tr.loss td:last-child, details.loss summary { color: var(--loss); }
figure { margin: 1.5rem 0; }
figcaption, .notes { color: var(--quiet); }
svg { width: 100%; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: currentColor; }
svg .axis { stroke: var(--line); }
svg .zero { stroke: currentColor; stroke-dasharray: 3 3; }
svg .gain { stroke: var(--gain); fill: var(--gain); }
svg .loss { stroke: var(--loss); fill: var(--loss); }
svg .nothing { stroke: var(--quiet); fill: var(--quiet); }
svg text.gain, svg text.loss, svg text.nothing { stroke: none; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--line); padding-left: .8rem; }
h4 { margin: .6rem 0 0; font-size: .9rem; }
""".strip()


def html_page(title: str, style: str, parts: Iterable[str], *, script: str = "", data: str = "") -> str:
    """Return a page of these parts that loads nothing; they and the `title` are HTML already. Its policy allows
    the given `script` alone, by its digest; `data` is JSON for it. `style` is added to the shared style sheet."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    tail = ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        tail = f'\n<script type="application/json" id="data">{data}</script>' if data else ""
        tail += f"\n<script>{script}</script>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{title}</title><style>{CSS}\n{style}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + tail
        + "\n</main></body></html>\n"
    )
