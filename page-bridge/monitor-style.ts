/** Follows the page's colour scheme and font; the four source colours can be set from outside. */
export const style = `
:host {
  display: block;
  color-scheme: light dark;
  --tributary-none: light-dark(#d9dee5, #2f3742);
  --tributary-cache: light-dark(#7a8ca3, #8fa3bd);
  --tributary-peers: light-dark(#0a7d5a, #2ecc96);
  --tributary-origin: light-dark(#d9822b, #f0a35e);
}
.savings { margin: 0 0 .5rem; }
.savings output { font-size: 2rem; font-weight: 700; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(6rem, 1fr)); gap: .5rem; margin: 0 0 .75rem; }
dl div { border-inline-start: 4px solid var(--tributary-none); padding-inline-start: .5rem; }
dl .cache { border-color: var(--tributary-cache); }
dl .peers { border-color: var(--tributary-peers); }
dl .origin { border-color: var(--tributary-origin); }
dt { font-size: .8rem; opacity: .75; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 0 0 .75rem; }
figcaption { font-size: .8rem; overflow-wrap: anywhere; margin-bottom: .25rem; }
canvas { display: block; max-width: 100%; }
`
