"""The look of the demo's page: one style sheet, light and dark, nothing from outside."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fbfbf9; --panel: #ffffff; --text: #1d2125; --faint: #68707a; --line: #dfe1de;
  --red: #c8262d; --yellow: #b57b00; --blue: #2563b0; --test: #7a7f87; --ask: #86489b; --good: #1f7a4a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15181b; --panel: #1d2125; --text: #e7e9ea; --faint: #98a1ab; --line: #33393f;
    --red: #ff6b6b; --yellow: #f0b93f; --blue: #74aef5; --test: #9aa1a9; --ask: #cf9be2; --good: #6fcf97;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 40px 0 10px; }
p { margin: 0 0 10px; max-width: 75ch; }
.faint { color: var(--faint); }
.right { color: var(--good); font-weight: 600; }
.wrong { color: var(--red); font-weight: 600; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 22px 0 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 16px; min-width: 130px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 12px; border-top: 1px solid var(--line); vertical-align: top; }
th { border-top: 0; color: var(--faint); font-weight: 500; white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; }
.grade { display: inline-block; min-width: 58px; text-align: center;
  border: 1px solid currentColor; border-radius: 99px; padding: 0 10px; font-weight: 600; }
.red { color: var(--red); } .yellow { color: var(--yellow); } .blue { color: var(--blue); }
.test { color: var(--test); } .ask { color: var(--ask); }
svg { display: block; width: 100%; min-width: 820px; height: auto; }
svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--line); }
svg .in { fill: var(--faint); } svg .dot { fill: currentColor; }
.pictures { display: flex; flex-wrap: wrap; gap: 14px; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
figure img { display: block; max-width: 420px; width: 100%; }
figcaption { padding: 8px 12px; font-size: 13px; color: var(--faint); }
"""
