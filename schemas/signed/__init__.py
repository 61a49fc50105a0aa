"""Texts signed with the instance's secret that processes exchange: file grants, links in mails, challenges."""
