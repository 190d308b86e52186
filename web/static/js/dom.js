// Making and changing elements. Text only ever becomes text nodes and attributes, so a name
// cannot become markup; the page's policy would stop it as well.

import { name as shownName } from "./format.js";

const svgSpace = "http://www.w3.org/2000/svg";

// el makes an element: attributes by name, "on" a map of listeners, then its children.
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(svgSpace, tag), attributes, children);
}

function fill(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...children);
  return element;
}

// The setters leave the page alone where nothing changed: a browser lays out and a screen
// reader announces only what is touched.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// setAttribute removes the attribute for null, and for false unless it is one of ARIA's, whose
// values are words.
export function setAttribute(element, name, value) {
  if (typeof value === "boolean" && !name.startsWith("aria-")) value = value ? "" : null;
  if (value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function setStyle(element, property, value) {
  if (element.style.getPropertyValue(property) !== value) element.style.setProperty(property, value);
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

// replace puts children in place of an element's own, and does nothing if key is the same as
// last time.
const keys = new WeakMap();
export function replace(element, key, children) {
  if (keys.get(element) === key) return;
  keys.set(element, key);
  element.replaceChildren(...children());
}

// named isolates a name from its surroundings: one that is written from right to left must
// not turn its neighbours around.
export function named(name, attributes = {}) {
  return el("bdi", { title: name, ...attributes }, shownName(name));
}

export const byId = (id) => document.getElementById(id);
