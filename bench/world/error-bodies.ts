/** The shapes of error bodies that several vendors share. */

export const openaiError = (message: string, type: string, code: string | null) => ({
  error: { message, type, param: null, code },
})
export const geminiError = (code: number, status: string, message: string, details: object[] = []) => ({
  error: { code, message, status, details },
})
