"""The command `ultramarket`: the local stack (real servers, our services) and what one does with it."""
