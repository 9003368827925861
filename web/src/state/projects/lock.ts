/** One tab at a time writes to a project. */

const CHANNEL = "splitmask.projects";

export interface Hold {
  release(): void;
}

/** null: another tab has the project. */
export function hold(project: string, onAskedFor: () => Promise<void>): Promise<Hold | null> {
  if (navigator.locks === undefined) return Promise.resolve({ release: () => undefined });
  return new Promise((answer) => {
    void navigator.locks.request(`splitmask.project.${project}`, { ifAvailable: true }, (lock) => {
      if (lock === null) return answer(null);
      return new Promise<void>((letGo) => {
        const channel = new BroadcastChannel(CHANNEL);
        const release = () => {
          channel.close();
          letGo();
        };
        channel.onmessage = (event) => {
          if (event.data !== project) return;
          void onAskedFor().finally(release);
        };
        answer({ release });
      });
    });
  });
}

/** Asks the other tab to let go, and waits a moment for it. */
export async function takeOver(project: string, onAskedFor: () => Promise<void>): Promise<Hold | null> {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(project);
  channel.close();
  for (let attempt = 0; attempt < 10; attempt++) {
    await new Promise((done) => setTimeout(done, 100));
    const held = await hold(project, onAskedFor);
    if (held !== null) return held;
  }
  return null;
}
