// api.mjs - the HTTP API as the page asks it: with the token of a login, with If-None-Match where an answer had an
// ETag, and with an end to every wait.
//
// Must never send anything to another origin, nor keep the token anywhere but in this object.

import {retryAfter} from "./model.mjs";

const READ_MS = 20000;
const WRITE_MS = 40000;     // longer than PostgreSQL lets a request take

// The API has said no, or nothing at all (status 0).
export class Refused extends Error {
	constructor(status, {message, hint = null}, retryAfterMs = 0) {
		super(message);
		this.name = "Refused";
		this.status = status;
		this.hint = hint;
		this.retryAfterMs = retryAfterMs;
	}
}

// An answer to somebody who has logged out.
export class Outdated extends Error {}

export class Api {
	#root;
	#token = null;
	#kept = new Map();

	// root: the address above the page's own, wherever a proxy has put both.
	constructor(root) {
		this.#root = root;
	}

	get isLoggedIn() {
		return this.#token !== null;
	}

	async logIn(email, password) {
		const {body} = await this.#ask("POST", "login", {email, password});

		this.forget();
		this.#token = body.token;
	}

	// The token ends on the server, too.
	async logOut() {
		const ended = this.#ask("POST", "logout", {});

		this.forget();
		await ended;
	}

	forget() {
		this.#token = null;
		this.#kept.clear();
	}

	// The answer to a question. unchanged: it is the one of the last time.
	async read(path) {
		const kept = this.#kept.get(path);
		const {status, body, tag} = await this.#askAsMe("GET", path, undefined, kept?.tag);

		if (status === 304)
			return {body: kept.body, unchanged: true};
		if (tag)
			this.#kept.set(path, {tag, body});
		return {body, unchanged: false};
	}

	async write(path, body = {}) {
		return (await this.#askAsMe("POST", path, body)).body;
	}

	// Whoever has logged out meanwhile, or in as somebody else, hears neither an answer nor a refusal.
	async #askAsMe(...question) {
		const token = this.#token;
		const [answer] = await Promise.allSettled([this.#ask(...question)]);

		if (token !== this.#token)
			throw new Outdated();
		if (answer.status === "rejected")
			throw answer.reason;
		return answer.value;
	}

	async #ask(method, path, body, tag) {
		const headers = {Accept: "application/json"};

		if (this.#token !== null)
			headers.Authorization = `Bearer ${this.#token}`;
		if (body !== undefined)
			headers["Content-Type"] = "application/json";
		if (tag !== undefined)
			headers["If-None-Match"] = tag;
		const answer = await this.#fetched(path, {method, headers, body: JSON.stringify(body),
			signal: AbortSignal.timeout(method === "GET" ? READ_MS : WRITE_MS)});
		if (answer.status >= 400)
			throw new Refused(answer.status, answer.json ?? {message: `the server answers ${answer.status}`},
				retryAfter(answer.headers.get("Retry-After"), Date.now()));
		return {status: answer.status, body: answer.json, tag: answer.headers.get("ETag")};
	}

	async #fetched(path, options) {
		try {
			const answer = await fetch(new URL(path, this.#root), {...options, cache: "no-store",
				credentials: "omit", redirect: "error", referrerPolicy: "no-referrer"});
			return {status: answer.status, headers: answer.headers, json: parsed(await answer.text())};
		} catch (error) {
			throw new Refused(0, {message: error.name === "TimeoutError" ? "no answer in time" : "no connection"});
		}
	}
}

// What a proxy says in its own words is none of the API's.
function parsed(text) {
	try {
		return text ? JSON.parse(text) : null;
	} catch {
		return null;
	}
}
