"""The style of the page of a chat: answers side by side where there is room, below each other where there is not."""

from __future__ import annotations

CHAT_STYLE = """
main { max-width: 110rem; }
.turn { border-top: 1px solid var(--line); margin-top: 1.5rem; }
.turn > pre { border-left-color: currentColor; font: 600 15px/1.5 system-ui, sans-serif; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem; }
.answers > section { min-width: 0; }
.answers pre { font: 15px/1.5 system-ui, sans-serif; }
.answers h3 { margin: .6rem 0; font-size: 1rem; overflow-wrap: anywhere; }
.failed { color: var(--loss); }
""".strip()
