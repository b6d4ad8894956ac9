// What all parts of the page share: elements, requests to the server, errors, downloads.

export const $ = (id) => document.getElementById(id);
export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
export const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
export const stem = (name) => name.replace(/\.[^.]*$/, "") || name;
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;

/** Shows a message in the status line. */
export const showStatus = (text) => { $("status").textContent = text; };

/** An error with a message for the user. */
export class RequestError extends Error {}

/** Sends a request to the server; throws a RequestError if it fails. */
export async function ask(method, path, body, kind = "application/json") {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": kind },
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
    });
  } catch {
    throw new RequestError("The studio does not answer. Is animi studio still running?");
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new RequestError(answer.error ?? `The studio answered with the error ${response.status}.`);
  }
  return response;
}
export const askJson = async (...request) => (await ask(...request)).json();

/** Shows an error message; it replaces an earlier one about the same subject. */
export function showError(about, text, remedy) {
  clearError(about);
  const close = make("button", { type: "button", textContent: "Close", onclick: () => clearError(about) });
  const message = make("p", { className: "message" }, make("span", { textContent: text }), ...(remedy ? [remedy] : []), close);
  message.dataset.about = about;
  $("messages").append(message);
}
export function clearError(about) {
  for (const message of [...$("messages").children]) if (message.dataset.about === about) message.remove();
}
/** Runs work that may fail with a RequestError, and shows the error; returns undefined then. */
export async function attempt(about, work) {
  try {
    const done = await work();
    clearError(about);
    return done;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    showError(about, error.message);
    return undefined;
  }
}

/** Sends a file to a session: announces it, then sends its bytes; `more` is announced with it. Returns the session's material. */
export async function upload(session, file, more = {}) {
  const { upload: id } = await askJson("POST", `${session}/uploads`, { name: file.name, size: file.size, ...more });
  return askJson("PUT", `${session}/uploads/${id}`, file, "application/octet-stream");
}

/** Makes the browser download a file. */
export function download(address, name) {
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
export function downloadBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
