declare const __ORT_VERSION__: string;
