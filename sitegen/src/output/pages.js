// What pages do beside being read: search, sorting, filters, words explained, and their copy for times without a network.
navigator.serviceWorker?.register(new URL('../sw.js', import.meta.url)).catch(() => {});

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

// On paper: where it comes from, and when.
addEventListener('beforeprint', () => {
  const place = document.querySelector('.printed');
  if (place) place.textContent = `${place.dataset.by}, printed on ${new Date().toLocaleDateString('sv')} from ${location.href}`;
});

// Search comes when a field is first touched. Until then, and without it, the forms lead to the search page.
const forms = [...document.querySelectorAll('form[role=search]')];
let searching;
const begin = () => searching ??= import('./find.js').then(({ enhance }) => new Map(forms.map((form) => [form, enhance(form)])));
for (const form of forms) {
  form.addEventListener('focusin', begin, { once: true });
  const here = form.querySelector('.here');
  if (here) {
    here.hidden = false;
    here.addEventListener('click', async () => (await begin()).get(form)());
  }
}
if (forms.some((form) => form.dataset.results || form.contains(document.activeElement))) begin();

// Explained words show themselves; Escape sends the explanation away until another word is reached.
const root = document.documentElement;
let sent = null;
addEventListener('keydown', ({ key }) => {
  root.classList.toggle('unexplained', key === 'Escape');
  sent = document.querySelector('.word:hover');
});
document.addEventListener('pointerover', ({ target }) => {
  const word = target.closest('.word');
  if (word === null) sent = null;
  else if (word !== sent) root.classList.remove('unexplained');
});

const words = (text) => text.toLowerCase().split(/[^\p{L}\p{N}.]+/u).filter((word) => word !== '');

// Tables: sorted by any column, filtered by any word.

const number = (cell) => {
  const first = /(-?\d+(?:\.\d+)?)(?:\s?([kMB])\b)?/.exec(cell.textContent.replaceAll(',', ''));
  return first ? Number(first[1]) * ({ k: 1e3, M: 1e6, B: 1e9 }[first[2]] ?? 1) : Number.NEGATIVE_INFINITY;
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
