// Package answer holds what several rooms of the API need to write an answer: JSON field by field,
// and the usage of a tenant.
//
// With reflection, the answer to POST /events took 6 % of the whole process's time, and GET /tenants
// 50 ms for 10,000 tenants.
package answer
