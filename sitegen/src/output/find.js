// Search, sorting and filters of the pages, and their copy for times without a network.
const root = new URL('../', import.meta.url);
navigator.serviceWorker?.register(new URL('../sw.js', import.meta.url)).catch(() => {});

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

// --- Search: a model, a device, both, or any page.

const UNSAID = new Set(['a', 'an', 'the', 'my', 'on', 'in', 'of', 'can', 'i', 'run', 'runs', 'does', 'do', 'will', 'it', 'with', 'and', 'for', 'which', 'what', 'ram', 'memory']);
const words = (text) =>
  text.toLowerCase().normalize('NFKD').replace(/(\d)\s*-?\s*(gib|gb|b)\b/g, (_, digit, unit) => digit + (unit === 'gib' ? 'gb' : unit))
    .split(/[^\p{L}\p{N}.]+/u).filter((word) => word !== '');
const asked = (text) => words(text).filter((word) => !UNSAID.has(word));

let entries;
const load = () => entries ??= fetch(new URL('./find.json', import.meta.url)).then((answer) => answer.json())
  .then((rows) => rows.map(([title, path, kind, more]) => ({ title, path, kind, name: words(title), all: words(`${title} ${path} ${more}`) })));

// How well a word is met: whole in the title, at the start of a word of the title, whole elsewhere, at a start elsewhere.
const met = (entry, word) =>
  entry.name.includes(word) ? 4 : entry.name.some((own) => own.startsWith(word)) ? 3
    : entry.all.includes(word) ? 2 : entry.all.some((own) => own.startsWith(word)) ? 1 : 0;

const singles = (all, tokens) => {
  const scored = all.map((entry) => [entry, tokens.map((word) => met(entry, word))]).filter(([, marks]) => marks.every(Boolean));
  const sum = (marks) => marks.reduce((whole, mark) => whole + mark, 0);
  return scored.sort(([a, x], [b, y]) => sum(y) - sum(x) || a.name.length - b.name.length).map(([entry]) => entry);
};

// Models with devices, when no page has all words: each word is met by one of the two.
const pairs = (all, tokens) => {
  const of = (kind) => all.filter((entry) => entry.kind === kind)
    .map((entry) => ({ entry, marks: tokens.map((word) => met(entry, word)) })).filter(({ marks }) => marks.some(Boolean));
  const devices = of('device');
  const found = [];
  for (const model of of('model')) {
    for (const device of devices) {
      const best = model.marks.map((mark, at) => Math.max(mark, device.marks[at]));
      // Both must have been asked for, by a word that the other does not meet better.
      const own = (one, other) => one.marks.some((mark, at) => mark > other.marks[at]);
      if (best.every(Boolean) && own(model, device) && own(device, model)) {
        found.push([best.reduce((whole, mark) => whole + mark, 0) - model.entry.name.length / 100 - device.entry.name.length / 1000, model.entry, device.entry]);
      }
    }
  }
  const slug = (entry) => entry.path.split('/')[1];
  return found.sort(([a], [b]) => b - a).map(([, model, device]) => ({
    title: `${model.title} on ${device.title}`, kind: 'answer', path: `calculator/?v=1&model=${slug(model)}&dev=${slug(device)}`,
  }));
};

const search = async (text) => {
  const tokens = asked(text);
  if (tokens.length === 0) return [];
  const all = await load();
  const whole = singles(all, tokens);
  return (whole.length > 0 ? whole : pairs(all, tokens)).slice(0, 10);
};

// What a browser tells of its machine, in words to search by.
const guess = async () => {
  const agent = navigator.userAgent;
  const data = navigator.userAgentData;
  const { model } = (await data?.getHighEntropyValues?.(['model']).catch(() => ({}))) ?? {};
  const system = /Android/.test(agent) ? 'Android phone' : /iPhone/.test(agent) ? 'iPhone' : /iPad/.test(agent) ? 'iPad'
    : /Mac OS X/.test(agent) ? 'macOS' : /Windows/.test(agent) ? 'Windows' : 'Linux';
  const memory = navigator.deviceMemory;
  const told = [model || system, memory && `at least ${memory} GB of memory`, navigator.hardwareConcurrency && `${navigator.hardwareConcurrency} processors`];
  return { words: model || system, told: told.filter(Boolean).join(', ') };
};

for (const finder of document.querySelectorAll('.finder')) {
  const id = finder.id || 'finder';
  const list = element('ul', { id: `${id}-found`, hidden: true, className: 'found' });
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Found');
  const input = element('input', { id: `${id}-field`, type: 'search', autocomplete: 'off', spellcheck: false, placeholder: finder.dataset.example });
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-controls': list.id, 'aria-expanded': 'false', 'aria-autocomplete': 'list' })) input.setAttribute(name, value);
  const said = element('p', { className: 'small muted' });
  said.setAttribute('role', 'status');
  const here = element('button', { type: 'button', className: 'button quiet', textContent: 'This device' });
  let chosen = -1;
  const mark = (at) => {
    const options = [...list.children];
    chosen = options.length === 0 ? -1 : (at + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute('aria-selected', String(index === chosen)));
    const current = options[chosen];
    if (current) input.setAttribute('aria-activedescendant', current.id);
    else input.removeAttribute('aria-activedescendant');
    current?.scrollIntoView?.({ block: 'nearest' });
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    mark(-1 - list.children.length);
  };
  let last = 0;
  const show = async (note = '') => {
    const turn = ++last;
    const found = await search(input.value).catch(() => null);
    if (turn !== last) return;
    if (found === null) {
      said.textContent = 'The list of pages cannot be loaded. Is there a network?';
      return close();
    }
    list.replaceChildren(...found.map(({ title, path, kind }, at) => {
      const option = element('li', { id: `${id}-${at}` }, element('span', { textContent: title }), element('small', { textContent: ` ${kind}` }));
      option.setAttribute('role', 'option');
      option.setAttribute('aria-selected', 'false');
      option.addEventListener('click', () => location.assign(new URL(path, root)));
      return option;
    }));
    const typed = input.value.trim() !== '';
    said.textContent = note || (typed && found.length === 0 ? 'Nothing by that name here; the calculator takes any other model or device.' : '');
    list.hidden = found.length === 0;
    input.setAttribute('aria-expanded', String(found.length > 0));
    chosen = -1;
    input.removeAttribute('aria-activedescendant');
  };
  input.addEventListener('focus', () => { load().catch(() => { entries = undefined; }); });
  input.addEventListener('input', () => show());
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      mark(chosen < 0 ? (event.key === 'ArrowDown' ? 0 : -1) : chosen + (event.key === 'ArrowDown' ? 1 : -1));
    } else if (event.key === 'Enter') {
      list.children[Math.max(chosen, 0)]?.click();
    } else if (event.key === 'Escape') {
      close();
    }
  });
  document.addEventListener('click', (event) => { if (!finder.contains(event.target)) close(); });
  here.addEventListener('click', async () => {
    const { words: known, told } = await guess();
    input.value = known;
    await show(`A browser tells no more than: ${told}. Which of these is it?`);
    input.focus();
  });
  const label = element('label', { htmlFor: input.id, textContent: finder.dataset.label });
  finder.replaceChildren(label, element('div', { className: 'field' }, input, here, list), said);
  finder.hidden = false;
}

// --- Tables: sorted by any column, filtered by any word.

const number = (cell) => {
  const text = cell.textContent.replaceAll(',', '');
  const first = /-?\d+(\.\d+)?/.exec(text);
  return first ? Number(first[0]) : Number.NEGATIVE_INFINITY;
};
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  const bodies = [...table.tBodies];
  const rows = bodies.flatMap((body) => [...body.rows]).filter((row) => !row.classList.contains('group'));
  heads.forEach((head, column) => {
    // A head that is a link stays one, with a button beside it.
    const linked = head.querySelector('a') !== null;
    const button = element('button', { type: 'button', className: 'sort' }, ...(linked ? [] : head.childNodes));
    if (linked) {
      button.setAttribute('aria-label', `Sort by ${head.textContent}`);
      button.textContent = ' ↕';
    }
    head.append(button);
    button.addEventListener('click', () => {
      const numbers = head.classList.contains('num');
      const down = head.ariaSort ? head.ariaSort !== 'descending' : numbers;
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      head.ariaSort = down ? 'descending' : 'ascending';
      const sign = down ? -1 : 1;
      const by = numbers ? (a, b) => number(a.cells[column]) - number(b.cells[column])
        : (a, b) => a.cells[column].textContent.localeCompare(b.cells[column].textContent, 'en', { numeric: true });
      rows.sort((a, b) => sign * by(a, b));
      // Groups have no meaning in another order.
      bodies.flatMap((body) => [...body.querySelectorAll('.group')]).forEach((group) => group.remove());
      bodies[0].append(...rows);
    });
  });
  const field = element('input', { type: 'search', placeholder: table.dataset.example ?? '' });
  const shown = element('span', { className: 'muted' });
  shown.setAttribute('role', 'status');
  field.addEventListener('input', () => {
    const tokens = words(field.value);
    const left = rows.filter((row) => {
      const own = words(row.textContent);
      row.hidden = !tokens.every((token) => own.some((word) => word.startsWith(token)));
      return !row.hidden;
    });
    for (const body of bodies) {
      const group = body.querySelector('.group');
      if (group) group.hidden = [...body.rows].every((row) => row === group || row.hidden);
    }
    shown.textContent = tokens.length > 0 ? `${left.length} of ${rows.length}` : '';
  });
  const box = table.closest('.scroll') ?? table;
  box.before(element('p', { className: 'filter' }, element('label', {}, 'Filter ', field), ' ', shown));
}
