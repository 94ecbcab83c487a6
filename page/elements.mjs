// elements.mjs - makes the elements of the page and changes what they say. The only way for a text into it is as a text: names come from people, and
// what looks like HTML in one of them must stay letters.

// Usage: element("p", {class: "sentence"}, "text", otherElement)
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);

	for (const [attribute, value] of Object.entries(attributes))
		made.setAttribute(attribute, value);
	made.append(...children);
	return made;
}

export const byId = id => document.getElementById(id);

// Only what is different is touched: a screen reader reads what is written again, a selection of text is lost.
export function setText(target, text) {
	if (target.textContent !== text)
		target.textContent = text;
}

export function setAttribute(target, name, value) {
	if (target.getAttribute(name) !== String(value))
		target.setAttribute(name, value);
}

// The children in this order, moved only if they are in another one. Whatever has the focus keeps it.
export function setChildren(parent, children) {
	const isSame = parent.children.length === children.length
		&& children.every((child, place) => parent.children[place] === child);

	if (isSame)
		return;
	const focused = document.activeElement;
	parent.replaceChildren(...children);
	if (focused !== document.activeElement && parent.contains(focused))
		focused.focus({preventScroll: true});
}

// A bar and what it says in words.
export function bar(label) {
	const progress = element("progress", {max: 1, value: 0, "aria-label": label});
	const words = element("span", {class: "of"});
	const whole = element("div", {class: "bar"}, element("span", {class: "label", "aria-hidden": "true"}, label), progress, words);

	return {whole, set(done, total, text) {
		setAttribute(progress, "value", total > 0 ? Math.min(done / total, 1) : 0);
		setText(words, text);
	}};
}
