// Package webhook writes alerts as signed JSON events in the format of Standard Webhooks.
// docs/WEBHOOKS.md is their contract.
package webhook
