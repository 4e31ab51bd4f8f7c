// The calls to billing. Each fails in one of two ways: nobody answers, or the log-in is over.

export class Unreachable extends Error {}
export class LoggedOut extends Error {}

const csrf = () => document.cookie.match(/(?:^|; )billing_csrf=([^;]+)/)?.[1] ?? "";

async function call(url, { body, patience = 5000, headers = {} } = {}) {
  const request = { credentials: "same-origin", headers: { Accept: "application/json", ...headers }, cache: "no-store" };
  if (body !== undefined) {
    request.method = "POST";
    request.body = JSON.stringify(body);
    Object.assign(request.headers, { "Content-Type": "application/json", "X-CSRFToken": csrf() });
  }
  let response;
  try {
    response = await fetch(url, { ...request, signal: AbortSignal.timeout(patience) });
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (response.status === 401 || response.status === 403) {
    throw new LoggedOut(String(response.status));
  }
  if (response.status === 304) {
    return { same: true };
  }
  if (response.status >= 500 || response.status === 429) {
    throw new Unreachable(String(response.status));
  }
  const answer = await response.json().catch((error) => {
    throw new Unreachable(String(error));
  });
  return { status: response.status, answer, tag: response.headers.get("ETag") };
}

export class Server {
  constructor(urls) {
    this.urls = urls;
  }

  async events() {
    return (await call(this.urls.events)).answer;
  }

  // The list of the event, or what changed since the list was made; `same` when nothing did.
  list(key, { since, tag } = {}) {
    const query = since ? `?since=${encodeURIComponent(since)}` : "";
    const headers = tag ? { "If-None-Match": tag } : {};
    return call(`${this.urls.events}/${key}/list${query}`, { headers, patience: 30_000 });
  }

  async scan(body) {
    const { status, answer } = await call(this.urls.scans, { body, patience: 4000 });
    if (status !== 200) {
      throw new Unreachable(String(status));
    }
    return answer;
  }

  async send(device, admissions) {
    const body = { device, sent_at: new Date().toISOString(), admissions };
    const { status, answer } = await call(this.urls.admissions, { body, patience: 30_000 });
    if (status !== 200) {
      throw new Unreachable(String(status));
    }
    return answer.results;
  }
}
