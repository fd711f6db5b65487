import { analyze, devices, models } from './dhurandhar.js';

const form = document.querySelector('form');
const out = document.querySelector('output');
const fill = (select, all, chosen) =>
  select.append(...all.map(({ name, title }) => new Option(title, name, name === chosen, name === chosen)));

const show = async () => {
  const { model, device, context } = Object.fromEntries(new FormData(form));
  try {
    const report = await analyze({ model, device, context: Number(context) });
    const [{ mode, reason }] = report.devices;
    out.textContent = `${mode}: ${reason}`;
  } catch (error) {
    out.textContent = error.message;
  }
};

fill(form.model, await models(), 'llama-3.2-3b');
fill(form.device, await devices(), 'galaxy-a56');
form.addEventListener('input', show);
await show();
