// Package config turns the environment into one struct.
//
// [Load] reads every variable once, at start-up, and reports all mistakes together, each with the
// variable's name and what it must look like. An empty variable counts as not set. The package
// keeps no state: the caller owns the [Config].
//
// Secrets have the type [Secret], which prints as "[secret]" wherever it ends up. A secret can be
// given as a file: DATABASE_URL_FILE=/run/secrets/database_url instead of DATABASE_URL. An error
// never repeats a secret's value.
//
// .env.example at the top of the tree lists the same variables; a test compares the two.
package config
