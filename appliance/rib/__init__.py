"""What neighbours offer, which of it is taken, and which ways traffic goes: BGP's decisions, without BGP's wire."""
