package sandbox

func (s *Sandbox) graphqlRoutes() {}
