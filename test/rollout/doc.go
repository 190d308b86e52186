// Package rollout proves that a new version can be deployed while customers send events: no
// request fails, and no event is lost or counted twice.
//
// It has a test only, which runs the real program as separate processes, in two versions that
// take turns. For each way of deploying (ways_test.go) there are ten deployments, while 1,000
// requests a second arrive whether or not the ones before were answered (on a machine that is
// busy as many as it manages, with 200 of them unanswered at most): half of them on
// connections that are kept alive and half on new ones. Each is one event without an id, sent
// once and never again, so that a lost or doubled one cannot hide. At the end the number of
// acknowledged events, the usage that the API tells and the events in Postgres are compared.
//
//	go test ./test/rollout -count=1 -v
package rollout
