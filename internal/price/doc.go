// Package price knows what tokens cost. A [Book] is made of the rows of tables prices and
// price_names; it is immutable, lies in memory, and prices an event in well under a microsecond.
//
// # Which price
//
// A price is for a provider, a model, a service tier, a pool of tokens and a size of the request's
// input, from an instant on. The event's time picks the instant: a new price never moves what was
// counted before it.
//
// The model is found by its exact name, else by a declared alias, else by a declared pattern such
// as gpt-4o-####-##-##, in which # stands for one digit. Nothing else is tried. An event that
// names no provider has a price only if all providers that list the model ask the same for it.
//
// Several rows may speak about one pool. These win, in this order: a price negotiated with the
// tenant, a price of the operator's, a price that came with the program; and within each, the
// price of the event's provider before one for every provider. The winner decides pool by pool.
//
// # Context tiers
//
// A context tier is a cliff. The input pools of an event, added up, pick it, and then every token
// of the event pays its price. The input must be above the tier's limit, or reach it if the row
// says inclusive.
//
// # Cost
//
// The cost of an event is the sum of each pool's tokens times its price, rounded once, half up, to
// the nano-unit. The sum has 128 bits and cannot overflow. A price of 0 is free. A pool that has
// tokens and no price makes the event unpriced: there is no fallback, so a cost is exact or
// absent.
package price
