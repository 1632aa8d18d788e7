"""Drives pytest, from version 7 on: it collects once, and the collected items run again and again by its protocol."""
