// Search: a model, a device, both, or any page. Fetched when a field is first touched, and its index with it.
const root = new URL('../', import.meta.url);
const SHOWN = 8;
const SHOWN_ON_PAGE = 50;

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const UNSAID = new Set(['a', 'an', 'the', 'my', 'on', 'in', 'of', 'can', 'i', 'run', 'runs', 'does', 'do', 'will', 'it', 'with', 'and', 'for', 'which', 'what', 'ram', 'memory']);
// `Qwen3`, `qwen 3` and `qwen-3` are alike.
const words = (text) =>
  text.toLowerCase().replace(/(?<!\p{L})(\p{L}{3,})(\d)/gu, '$1 $2').normalize('NFKD').replace(/(\d)\s*-?\s*(gib|gb|b)\b/g, (_, digit, unit) => digit + (unit === 'gib' ? 'gb' : unit))
    .split(/[^\p{L}\p{N}.]+/u).map((word) => word.replace(/^\.+|\.+$/g, '')).filter((word) => word !== '');
// Words that say nothing are left out, unless there are no others.
const asked = (text) => {
  const all = words(text);
  const telling = all.filter((word) => !UNSAID.has(word));
  return telling.length > 0 ? telling : all;
};

let loading;
const load = () => loading ??= fetch(new URL('./find.json', import.meta.url)).then((answer) => answer.json()).then(({ pages, kinds, answers }) => {
  const entries = pages.flatMap(([title, path, kind, more, sections = []]) => {
    const page = { title, path, kind, name: words(title), all: words(`${title} ${path} ${more}`), slug: path.split('/')[1] };
    const inner = sections.map(([heading, id]) =>
      ({ title: heading, path: `${path}#${id}`, kind: `in ${title}`, name: words(heading), all: words(`${heading} ${title}`), inner: true }));
    return [page, ...inner];
  });
  const devices = entries.filter((entry) => entry.kind === 'device');
  const models = entries.filter((entry) => entry.kind === 'model');
  // The verdict of a pair: its kind, and whether it is in doubt.
  const verdict = (model, at) => {
    const digit = Number(answers[model.slug]?.[at] ?? Number.NaN);
    const [sign, name, colour] = kinds[digit % kinds.length] ?? [];
    return name && { rank: digit % kinds.length, sign, name: name + (digit >= kinds.length ? '?' : ''), colour };
  };
  return { entries, devices, models, verdict };
}).catch((error) => {
  loading = undefined;
  throw error;
});

// Do two words differ by one letter: another, one more, one less?
const near = (a, b) => {
  if (a.length < 4 || Math.abs(a.length - b.length) > 1) return false;
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return a.slice(at + 1) === b.slice(at + 1) || a.slice(at) === b.slice(at + 1) || a.slice(at + 1) === b.slice(at);
};

// How well each word is met: whole in the title, at the start of one of its words, whole elsewhere, at a start elsewhere; no
// word of a title meets two.
const marks = (entry, tokens, loosely) => {
  const left = [...entry.name];
  const take = (test) => {
    const at = left.findIndex(test);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  };
  const joined = entry.name.join('');
  const whole = tokens.map((token) => take((own) => own === token));
  return tokens.map((token, at) => {
    if (whole[at]) return 4;
    if (take((own) => own.startsWith(token))) return 3;
    if (entry.all.includes(token)) return 2;
    if (token.length >= 4 && joined.includes(token)) return 2;
    if (entry.all.some((own) => own.startsWith(token))) return 1;
    return loosely && entry.all.some((own) => near(token, own)) ? 1 : 0;
  });
};
const sum = (all) => all.reduce((whole, mark) => whole + mark, 0);

// A device, a model or both are what is asked for more often than a page about them.
const SOUGHT = 3;
const singles = ({ entries }, tokens, loosely, enough = (met) => met.every(Boolean)) =>
  entries.map((entry) => ({ ...entry, marks: marks(entry, tokens, loosely) })).filter((entry) => enough(entry.marks))
    .map((entry) => ({
      ...entry,
      score: sum(entry.marks) + (entry.name.length === tokens.length ? 1 : 0) - (entry.inner ? 0.5 : 0)
        + (entry.kind === 'device' || entry.kind === 'model' ? SOUGHT : 0),
    }));

// Models with devices: each word is met by one of the two.
const pairs = ({ models, devices, verdict }, tokens, loosely) => {
  const marked = (all) => all.map((entry, at) => ({ entry, at, marks: marks(entry, tokens, loosely) })).filter((one) => one.marks.some(Boolean));
  const found = [];
  const own = (one, other) => one.marks.some((mark, at) => mark > other.marks[at]);
  const there = marked(devices);
  for (const model of marked(models)) {
    for (const device of there) {
      const best = model.marks.map((mark, at) => Math.max(mark, device.marks[at]));
      // Both must have been asked for, by a word that the other does not meet better.
      if (best.every(Boolean) && own(model, device) && own(device, model)) {
        found.push({
          title: `${model.entry.title} on ${device.entry.title}`,
          path: `calculator/?v=1&model=${model.entry.slug}&dev=${device.entry.slug}`,
          kind: 'pair',
          name: [...model.entry.name, ...device.entry.name],
          answer: verdict(model.entry, device.at),
          score: sum(best) + SOUGHT,
        });
      }
    }
  }
  return found;
};

const search = async (text) => {
  const tokens = asked(text);
  if (tokens.length === 0) return [];
  const index = await load();
  const sorted = (found) =>
    found.sort((a, b) => b.score - a.score || a.name.length - b.name.length || (a.answer?.rank ?? 0) - (b.answer?.rank ?? 0));
  for (const loosely of [false, true]) {
    const alone = singles(index, tokens, loosely);
    const best = Math.max(0, ...alone.map((one) => one.score));
    // Two that meet the words worse than one does were not meant.
    const found = [...alone, ...pairs(index, tokens, loosely).filter((pair) => pair.score >= best)];
    if (found.length > 0) return sorted(found);
  }
  // What meets half of the words in its own title.
  return sorted(singles(index, tokens, false, (met) => 2 * met.filter((mark) => mark >= 3).length >= Math.max(2, met.length)));
};

const kindOf = ({ answer, kind }) => answer
  ? element('span', { className: `verdict ${answer.colour}`, textContent: `${answer.sign} ${answer.name}` })
  : element('small', { textContent: kind });
const count = (found) => found === 1 ? 'One result' : `${found} results`;
const NOTHING = 'Nothing by that name here. Try a phone by its memory ("8 GB phone"), a maker, or a model such as "Llama 3.2 3B"; the calculator takes any other.';
const UNREACHABLE = 'The list of pages cannot be loaded. Is there a network?';

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

// A field with a list below it. Its first entry is marked, and Enter goes to the marked one.
const suggest = (form, input, said) => {
  const list = element('ul', { id: `${input.id}-found`, hidden: true, className: 'found' });
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Found');
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-controls': list.id, 'aria-expanded': 'false', 'aria-autocomplete': 'list' })) input.setAttribute(name, value);
  input.after(list);
  let chosen = -1;
  const mark = (at) => {
    const options = [...list.children];
    chosen = options.length === 0 ? -1 : (at + options.length) % options.length;
    options.forEach((option, index) => option.setAttribute('aria-selected', String(index === chosen)));
    const current = options[chosen];
    if (current) input.setAttribute('aria-activedescendant', current.id);
    else input.removeAttribute('aria-activedescendant');
    current?.scrollIntoView({ block: 'nearest' });
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const option = (address, ...children) => {
    const made = element('li', { id: `${input.id}-${list.children.length}` }, ...children);
    made.setAttribute('role', 'option');
    made.addEventListener('click', () => location.assign(address));
    list.append(made);
  };
  let last = 0;
  const show = async (note = '') => {
    const turn = ++last;
    const found = await search(input.value).catch(() => null);
    if (turn !== last) return;
    list.replaceChildren();
    const typed = input.value.trim() !== '';
    said.textContent = note || (found === null ? UNREACHABLE : !typed ? '' : found.length === 0 ? NOTHING : count(found.length));
    if (!found?.length) return close();
    for (const one of found.slice(0, SHOWN)) option(new URL(one.path, root), element('span', { textContent: one.title }), kindOf(one));
    if (found.length > SHOWN) {
      const address = new URL(form.action);
      address.searchParams.set('q', input.value);
      option(address, element('span', { textContent: `All ${found.length} results` }));
    }
    list.hidden = false;
    input.setAttribute('aria-expanded', 'true');
    mark(0);
  };
  input.addEventListener('input', () => show());
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) show();
      else mark(chosen + step);
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  form.addEventListener('submit', (event) => {
    if (list.hidden || chosen < 0) return;
    event.preventDefault();
    list.children[chosen].click();
  });
  form.addEventListener('focusout', (event) => { if (!form.contains(event.relatedTarget)) close(); });
  // The field keeps the keyboard while the pointer chooses.
  list.addEventListener('mousedown', (event) => event.preventDefault());
  return show;
};

// The search page: all results, as links, in the place of the list of everything.
const listed = (form, input, said) => {
  const results = document.getElementById('results');
  const everything = document.getElementById('everything');
  let last = 0;
  const show = async () => {
    const turn = ++last;
    const address = new URL(location.href);
    const typed = input.value.trim();
    if (typed) address.searchParams.set('q', typed);
    else address.searchParams.delete('q');
    history.replaceState(null, '', address);
    const found = await search(typed).catch(() => null);
    if (turn !== last) return;
    const more = found && found.length > SHOWN_ON_PAGE ? `; the first ${SHOWN_ON_PAGE} are shown` : '';
    said.textContent = found === null ? UNREACHABLE : !typed ? '' : found.length === 0 ? NOTHING : count(found.length) + more;
    results.replaceChildren(...(found ?? []).slice(0, SHOWN_ON_PAGE).map((one) =>
      element('li', {}, element('a', { href: new URL(one.path, root), textContent: one.title }), ' ', kindOf(one))));
    results.hidden = !found?.length;
    everything.hidden = !results.hidden;
  };
  input.value ||= new URLSearchParams(location.search).get('q') ?? '';
  input.addEventListener('input', show);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    show();
  });
  return show;
};

// Makes a form search while one types. Gives what fills it with a guess about this device.
export const enhance = (form) => {
  const input = form.querySelector('input');
  const said = form.querySelector('[role=status]') ?? element('p', { className: 'visually-hidden' });
  said.setAttribute('role', 'status');
  form.append(said);
  const show = (form.dataset.results ? listed : suggest)(form, input, said);
  load().catch(() => {});
  if (form.dataset.results || input.value) show();
  return async () => {
    const { words: known, told } = await guess();
    input.value = known;
    await show(`A browser tells no more than: ${told}. Which of these is it?`);
    input.focus();
  };
};
