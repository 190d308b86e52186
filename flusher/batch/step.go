package batch

// Step is the number of a step in the comment of package flusher.
type Step int

// The steps of a flush: 1 and 2 are one round trip.
const (
	StepDurable Step = iota + 2
	StepRead
	StepClaim
	StepCopy
	StepAdd
	StepCommit
	StepAck
	StepDrop
)

// The steps of a recovery.
const (
	StepSealAll Step = iota + 10
	StepTake
	StepRebuild
	StepCommitAll
	StepAckAll
	StepRemember
	StepResume
)
