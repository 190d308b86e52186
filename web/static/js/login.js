// The view of whoever is not signed in, and the way out.

import { byId, setHidden, setText } from "./dom.js";
import { session } from "./session.js";

// showLogin takes the place of the page. why is empty for somebody who has just come.
export function showLogin(why = "") {
  document.body.dataset.signedOut = "";
  document.title = "Sign in · FlagMeter";
  setText(byId("login-why"), why);
  setHidden(byId("login-why"), !why);
  setHidden(byId("login"), false);
  byId("login-key").focus();
}

byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = byId("login-button");
  const key = byId("login-key").value.trim();
  if (!key || button.disabled) return;
  button.disabled = true;
  const wrong = await session.signIn(key);
  button.disabled = false;
  byId("login-key").value = "";
  if (!wrong) {
    location.reload(); // nothing of whoever was here before is left
    return;
  }
  setText(byId("login-why"), wrong);
  setHidden(byId("login-why"), false);
  byId("login-key").focus();
});

byId("sign-out").addEventListener("click", async () => {
  await session.signOut();
  location.reload();
});
