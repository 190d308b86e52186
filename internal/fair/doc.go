// Package fair shares work between flows. A flow is the tenant or the caller that work comes from.
// A flow that brings more than its share delays its own work and hardly that of others.
//
// It is start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queueing", SIGCOMM 1996).
// Each item has a cost. The queue keeps a virtual time, which is the start of the item served
// last. An item starts at the virtual time or where the flow's item before it ends, whichever is
// later, and ends after its cost. The item that starts first is served first. So an item of a
// flow that was idle waits for at most one item of each other flow, however many they have
// queued; flows that are never idle get equal shares of cost.
package fair
