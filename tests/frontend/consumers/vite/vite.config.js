import { defineConfig } from "vite";

const proxied = { target: process.env.API, changeOrigin: false };

export default defineConfig({ preview: { proxy: { "/graphql": proxied, "/fileman": proxied } } });
