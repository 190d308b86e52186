// Package logging makes the loggers of the program.
//
// Roles write JSON to stdout, a line each, with time, level, msg and role; `flagmeter dev`
// writes text for people. Both go through [Redact], which takes secrets out of every line:
//
//   - the value of an attribute whose name says that it is one (password, token, ...), in any
//     group;
//   - in every text, error and message, also where it is escaped as in a path: API keys, the user
//     and password of a URL, parameters like password= and members like "password":, credentials
//     behind Bearer and Basic, JSON Web Tokens, and the path of a webhook, which is its password.
//
// Errors that commands print for people go through [Clean] as well.
//
// It is the last net, not the first: code does not hand secrets to the logger. What looks like
// none of these cannot be told from other text.
package logging
