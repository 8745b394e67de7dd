package spec

// planCodes are about what a plan has to say beside its changes.
func planCodes() []Code {
	return []Code{
		{"plan/workflows-leave-out", "the generated workflows do less than they could", "what a pull request's jobs would log in to is not there, or must not be",
			"mend the target that the message names; or leave it so, as the gate passes without these jobs", "projects with workflows: generate, and no target test"},
		{"plan/inherited-access", "others may use an object that the spec takes over, for what they were given on a directory above it",
			"exclusive: true is about the object's own list; what it inherits is not on it",
			"take it away where it was given, or move the object; /Shared gives everybody CAN_MANAGE on what is below it",
			"{ on: \"directory:/Shared/x\", level: CAN_READ, exclusive: true }"},
	}
}
