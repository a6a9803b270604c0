namespace Capbox.Tests;

/// <summary>Measures what a piece of code allocates on its thread.</summary>
internal static class Allocation
{
    private const int Attempts = 5;

    /// <summary>
    /// The least of several runs after a first one. A garbage collection that another test causes closes the thread's allocation context and counts
    /// its unused rest; code that allocates does so in every run.
    /// </summary>
    public static long LeastBytes(Func<long> measure)
    {
        measure();
        long least = long.MaxValue;
        for (int i = 0; i < Attempts && least > 0; i++)
            least = Math.Min(least, measure());
        return least;
    }

    public static long OfThisThread(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
