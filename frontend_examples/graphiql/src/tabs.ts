import { EXAMPLE_TABS } from './examples';

type StoredTabs = { activeTabIndex: number; tabs: { query: string | null; variables: string | null }[] } | null;

function readStoredTabs(): StoredTabs {
  try {
    return JSON.parse(localStorage.getItem('graphiql:tabState') ?? 'null') as StoredTabs;
  } catch {
    return null;
  }
}

/**
 * GraphiQL remembers its tabs, but until a tab was edited or clicked it shows its variables empty. So the page says what
 * the editors hold: the tab that was last in front, on a first visit the first example.
 */
export function initialEditors() {
  const stored = readStoredTabs();
  const tab = stored?.tabs[stored.activeTabIndex] ?? EXAMPLE_TABS[0];
  return { initialQuery: tab?.query ?? '', initialVariables: tab?.variables ?? '' };
}
