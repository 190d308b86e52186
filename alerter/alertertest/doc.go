// Package alertertest is what the tests of the alerter's packages share.
package alertertest
