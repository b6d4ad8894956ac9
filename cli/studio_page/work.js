// The list of work in progress.

import { $, make } from "./page.js";

const startTimes = new Map(); // of stages of running jobs, to estimate the time left

export const isOver = (job) => !["waiting", "running"].includes(job.state);

/** Shows the progress of waiting and running jobs; `cancel` is called with a job. */
export function showWork(jobs, cancel) {
  const active = jobs.filter((job) => !isOver(job));
  const known = new Map([...$("work").children].map((item) => [item.dataset.job, item]));
  for (const [id, item] of known) if (!active.some((job) => job.id === id)) item.remove();
  for (const job of active) {
    if (job.state === "running" && !startTimes.has(nameStage(job))) startTimes.set(nameStage(job), performance.now());
    let item = known.get(job.id);
    if (!item) {
      const button = make("button", { type: "button", className: "plain", textContent: "Cancel", ariaLabel: `Cancel: ${job.title}`,
        onclick: () => cancel(job) });
      item = make("li", {}, make("span", { textContent: job.title, title: job.title }), make("progress", { ariaLabel: job.title }), make("span"), button);
      item.dataset.job = job.id;
      $("work").append(item);
    }
    const [, bar, note] = item.children;
    if (job.total) Object.assign(bar, { max: job.total, value: job.done });
    else bar.removeAttribute("value");
    note.textContent = job.state === "waiting" ? "waiting" : [job.stage, job.total ? percent(job) : ""].filter(Boolean).join(": ");
  }
}

const nameStage = (job) => `${job.id} ${job.stage}`;
const percent = (job) => `${Math.floor((100 * job.done) / job.total)} %${timeLeft(job)}`;

function timeLeft(job) {
  const passed = (performance.now() - startTimes.get(nameStage(job))) / 1000;
  const left = job.done > 0 ? (passed * (job.total - job.done)) / job.done : 0;
  return left > 2 && passed > 1 ? `, about ${left > 90 ? `${Math.round(left / 60)} min` : `${Math.round(left)} s`} left` : "";
}
