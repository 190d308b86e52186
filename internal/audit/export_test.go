package audit

// Between returns the auditor with a function that is called after each step.
func (a *Auditor) Between(f func(Step)) *Auditor { return &Auditor{a.db, a.valkey, a.now, f} }
