/** Is told when a cycle begins and ends; what a policy does in between cannot hold it up. */
export interface PolicyWatch {
  begins(): void;
  ends(): void;
  /** Why the site's policy is not used at all; null: it is. */
  readonly trouble: string | null;
}
